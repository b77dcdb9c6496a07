#include "report/gif.h"

#include <algorithm>
#include <string_view>

#include "engine/core/error.h"
#include "report/palette.h"

namespace mebm::report {
namespace {

using Bytes = std::vector<std::uint8_t>;
using engine::require;

constexpr int kLongestCode = 12;  // bits
constexpr int kMostCodes = 1 << kLongestCode;
constexpr int kLargestSide = 65535;
constexpr std::size_t kBlock = 255;  // most bytes of a data block

void put_little(Bytes& out, int value) {
  out.push_back(static_cast<std::uint8_t>(value));
  out.push_back(static_cast<std::uint8_t>(value >> 8));
}

void put_text(Bytes& out, std::string_view text) {
  for (const char c : text) out.push_back(static_cast<std::uint8_t>(c));
}

// Codes of growing length, least significant bit first.
class BitWriter {
 public:
  void put(int code, int bits) {
    held_ |= static_cast<std::uint32_t>(code) << count_;
    for (count_ += bits; count_ >= 8; count_ -= 8, held_ >>= 8)
      bytes_.push_back(static_cast<std::uint8_t>(held_));
  }
  Bytes finish() {
    if (count_ > 0) bytes_.push_back(static_cast<std::uint8_t>(held_));
    return std::move(bytes_);
  }

 private:
  Bytes bytes_;
  std::uint32_t held_ = 0;
  int count_ = 0;
};

// Bits of the smallest colour table that holds `colours`; GIF's code needs 2 at least.
int table_bits(std::size_t colours) {
  int bits = 2;
  while ((std::size_t{1} << bits) < colours) ++bits;
  return bits;
}

void put_header(Bytes& out, const Image& frame) {
  put_text(out, "GIF89a");
  put_little(out, frame.width);
  put_little(out, frame.height);
  out.insert(out.end(), {0x70, 0, 0});  // no table for all frames, 8 bits a channel
  out.insert(out.end(), {0x21, 0xff, 11});
  put_text(out, "NETSCAPE2.0");
  out.insert(out.end(), {3, 1, 0, 0, 0});  // played for ever
}

void put_frame(Bytes& out, const Image& frame, int milliseconds) {
  const Paletted paletted = make_paletted(frame);
  const int bits = table_bits(paletted.colours.size());
  out.insert(out.end(), {0x21, 0xf9, 4, 1 << 2});  // stays until the next one is drawn over it
  put_little(out, std::max(1, (milliseconds + 5) / 10));
  out.insert(out.end(), {0, 0, 0x2c, 0, 0, 0, 0});
  put_little(out, frame.width);
  put_little(out, frame.height);
  out.push_back(static_cast<std::uint8_t>(0x80 | (bits - 1)));
  for (std::size_t i = 0; i < (std::size_t{1} << bits); ++i) {
    const Colour colour = i < paletted.colours.size() ? paletted.colours[i] : Colour{};
    out.insert(out.end(), colour.begin(), colour.end());
  }
  out.push_back(static_cast<std::uint8_t>(bits));
  const Bytes code = lzw_encode(paletted.indices, bits);
  for (std::size_t at = 0; at < code.size(); at += kBlock) {
    const std::size_t size = std::min(kBlock, code.size() - at);
    out.push_back(static_cast<std::uint8_t>(size));
    out.insert(out.end(), code.begin() + static_cast<std::ptrdiff_t>(at),
               code.begin() + static_cast<std::ptrdiff_t>(at + size));
  }
  out.push_back(0);
}

}  // namespace

std::vector<std::uint8_t> lzw_encode(std::span<const std::uint8_t> indices, int bits) {
  const int clear = 1 << bits, end = clear + 1;
  std::vector<std::int16_t> next(static_cast<std::size_t>(kMostCodes) << 8);  // code of (string, index)
  BitWriter out;
  int length = bits + 1, codes = end + 1;
  const auto restart = [&] {
    out.put(clear, length);
    std::fill(next.begin(), next.end(), std::int16_t{-1});
    length = bits + 1;
    codes = end + 1;
  };
  restart();
  int current = -1;
  for (const std::uint8_t index : indices) {
    if (current < 0) {
      current = index;
      continue;
    }
    std::int16_t& child = next[(static_cast<std::size_t>(current) << 8) | index];
    if (child >= 0) {
      current = child;
      continue;
    }
    out.put(current, length);
    child = static_cast<std::int16_t>(codes);
    // The decoder knows this string one code later: the length grows when its number no longer fits.
    if (codes == 1 << length && length < kLongestCode) ++length;
    if (++codes == kMostCodes) restart();
    current = index;
  }
  if (current >= 0) out.put(current, length);
  if (codes == 1 << length && length < kLongestCode) ++length;
  out.put(end, length);
  return out.finish();
}

std::vector<std::uint8_t> encode_gif(std::span<const Image> frames, const AnimationTiming& timing) {
  check_frames(frames, timing);
  require(frames[0].width <= kLargestSide && frames[0].height <= kLargestSide,
          "a GIF of {} x {} pixels: sides have at most {}", frames[0].width, frames[0].height, kLargestSide);
  Bytes out;
  put_header(out, frames[0]);
  for (std::size_t i = 0; i < frames.size(); ++i)
    put_frame(out, frames[i], frame_delay(timing, i + 1 == frames.size()));
  out.push_back(0x3b);
  return out;
}

}  // namespace mebm::report

#include "data/md5.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <vector>

#include "engine/core/error.h"

namespace mebm::data {
namespace {

// floor(2^32 |sin(i+1)|), the constants of RFC 1321.
std::array<std::uint32_t, 64> sine_table() {
  std::array<std::uint32_t, 64> table;
  for (std::size_t i = 0; i < 64; ++i)
    table[i] = static_cast<std::uint32_t>(4294967296.0 * std::abs(std::sin(static_cast<double>(i + 1))));
  return table;
}

constexpr std::array<std::array<int, 4>, 4> kShifts{
    {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}}};

std::uint32_t little_endian(const std::uint8_t* bytes) {
  return bytes[0] | std::uint32_t{bytes[1]} << 8 | std::uint32_t{bytes[2]} << 16 |
         std::uint32_t{bytes[3]} << 24;
}

class Md5 {
 public:
  // `bytes` must be a multiple of 64 except in the last call, which `finish` makes.
  void blocks(std::span<const std::uint8_t> bytes) {
    for (std::size_t at = 0; at + 64 <= bytes.size(); at += 64) compress(bytes.data() + at);
    length_ += bytes.size() / 64 * 64;
  }

  std::string finish(std::span<const std::uint8_t> tail) {
    blocks(tail);
    std::vector<std::uint8_t> last(tail.begin() + static_cast<std::ptrdiff_t>(tail.size() / 64 * 64),
                                   tail.end());
    const std::uint64_t bits = (length_ + last.size()) * 8;
    last.push_back(0x80);
    while (last.size() % 64 != 56) last.push_back(0);
    for (int shift = 0; shift < 64; shift += 8) last.push_back(static_cast<std::uint8_t>(bits >> shift));
    blocks(last);
    std::string text;
    for (const std::uint32_t word : state_)
      for (int shift = 0; shift < 32; shift += 8) text += fmt::format("{:02x}", (word >> shift) & 0xff);
    return text;
  }

 private:
  void compress(const std::uint8_t* block) {
    std::array<std::uint32_t, 16> words;
    for (std::size_t i = 0; i < 16; ++i) words[i] = little_endian(block + 4 * i);
    auto [a, b, c, d] = state_;
    for (std::size_t i = 0; i < 64; ++i) {
      std::uint32_t mix = 0;
      std::size_t word = i;
      switch (i / 16) {
        case 0:
          mix = (b & c) | (~b & d);
          break;
        case 1:
          mix = (d & b) | (~d & c), word = 5 * i + 1;
          break;
        case 2:
          mix = b ^ c ^ d, word = 3 * i + 5;
          break;
        default:
          mix = c ^ (b | ~d), word = 7 * i;
          break;
      }
      const std::uint32_t sum = a + mix + sines_[i] + words[word % 16];
      a = d, d = c, c = b;
      b += std::rotl(sum, kShifts[i / 16][i % 4]);
    }
    state_[0] += a, state_[1] += b, state_[2] += c, state_[3] += d;
  }

  std::array<std::uint32_t, 4> state_{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  const std::array<std::uint32_t, 64> sines_ = sine_table();
  std::uint64_t length_ = 0;
};

}  // namespace

std::string md5_hex(std::span<const std::uint8_t> bytes) {
  return Md5().finish(bytes);
}

std::string md5_of_file(const std::string& path) {
  constexpr std::size_t kPiece = std::size_t{1} << 20;  // a multiple of the block
  std::ifstream stream(path, std::ios::binary);
  if (!stream) engine::fail_input("{}: {}", path, std::strerror(errno));
  Md5 hash;
  std::vector<std::uint8_t> piece(kPiece);
  for (;;) {
    stream.read(reinterpret_cast<char*>(piece.data()), static_cast<std::streamsize>(kPiece));
    const auto got = static_cast<std::size_t>(stream.gcount());
    if (stream.bad()) engine::fail_input("{}: {}", path, std::strerror(errno));
    if (got < kPiece) return hash.finish(std::span(piece).first(got));
    hash.blocks(piece);
  }
}

}  // namespace mebm::data

#include "report/animation.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <zlib.h>

#include "engine/core/error.h"
#include "engine/io/atomic_write.h"
#include "report/gif.h"

namespace mebm::report {
namespace {

using Bytes = std::vector<std::uint8_t>;
using engine::require;

constexpr std::size_t kSignature = 8;       // bytes before the first chunk
constexpr std::size_t kChunkOverhead = 12;  // length, type, checksum
constexpr int kMostMilliseconds = 65535;

void put_big(Bytes& out, std::uint32_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

std::uint32_t big(std::span<const std::uint8_t> bytes) {
  return (std::uint32_t{bytes[0]} << 24) | (std::uint32_t{bytes[1]} << 16) | (std::uint32_t{bytes[2]} << 8) |
         bytes[3];
}

// One chunk: length, type, data, checksum of type and data.
void put_chunk(Bytes& out, std::string_view type, std::span<const std::uint8_t> data) {
  put_big(out, static_cast<std::uint32_t>(data.size()), 4);
  const std::size_t begin = out.size();
  for (const char c : type) out.push_back(static_cast<std::uint8_t>(c));
  out.insert(out.end(), data.begin(), data.end());
  put_big(out,
          static_cast<std::uint32_t>(crc32(0, out.data() + begin, static_cast<uInt>(out.size() - begin))), 4);
}

struct Chunk {
  std::string_view type;
  std::span<const std::uint8_t> data;
};

// The chunks of a PNG that encode_png made.
std::vector<Chunk> chunks_of(std::span<const std::uint8_t> png) {
  std::vector<Chunk> chunks;
  for (std::size_t at = kSignature; at + kChunkOverhead <= png.size();) {
    const std::size_t length = big(png.subspan(at));
    require(length <= png.size() - at - kChunkOverhead, "a PNG chunk of {} bytes reaches beyond the end",
            length);
    const char* type = reinterpret_cast<const char*>(png.data() + at + 4);
    chunks.push_back({std::string_view(type, 4), png.subspan(at + 8, length)});
    at += length + kChunkOverhead;
  }
  return chunks;
}

// Position, size and duration of the frame whose number in the stream of fcTL and fdAT chunks is `sequence`.
Bytes frame_control(const Image& frame, std::uint32_t sequence, int milliseconds) {
  Bytes data;
  put_big(data, sequence, 4);
  put_big(data, static_cast<std::uint32_t>(frame.width), 4);
  put_big(data, static_cast<std::uint32_t>(frame.height), 4);
  put_big(data, 0, 4);
  put_big(data, 0, 4);
  put_big(data, static_cast<std::uint32_t>(milliseconds), 2);
  put_big(data, 1000, 2);
  put_big(data, 0, 2);  // the next frame is drawn over this one, nothing is blended
  return data;
}

}  // namespace

void check_frames(std::span<const Image> frames, const AnimationTiming& timing) {
  require(!frames.empty(), "an animation of no frames");
  for (const Image& frame : frames)
    require(frame.width == frames[0].width && frame.height == frames[0].height &&
                frame.channels == frames[0].channels,
            "an animation with frames of {} x {} x {} and {} x {} x {}", frames[0].width, frames[0].height,
            frames[0].channels, frame.width, frame.height, frame.channels);
  for (const int delay : {timing.delay, timing.last_delay == 0 ? timing.delay : timing.last_delay})
    require(delay >= 1 && delay <= kMostMilliseconds, "a frame of {} ms is outside 1 ... {}", delay,
            kMostMilliseconds);
}

int frame_delay(const AnimationTiming& timing, bool last) {
  return last && timing.last_delay > 0 ? timing.last_delay : timing.delay;
}

std::vector<std::uint8_t> encode_apng(std::span<const Image> frames, const AnimationTiming& timing) {
  check_frames(frames, timing);
  Bytes out;
  std::uint32_t sequence = 0;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const Bytes png = encode_png(frames[i]);
    const int delay = frame_delay(timing, i + 1 == frames.size());
    if (i == 0) out.assign(png.begin(), png.begin() + kSignature);
    bool controlled = false;  // this frame's fcTL is written
    for (const Chunk& chunk : chunks_of(png)) {
      if (chunk.type == "IEND") continue;
      if (chunk.type == "IDAT" && !controlled) {
        put_chunk(out, "fcTL", frame_control(frames[i], sequence++, delay));
        controlled = true;
      }
      if (i == 0) {
        put_chunk(out, chunk.type, chunk.data);
        if (chunk.type != "IHDR") continue;
        Bytes control;
        put_big(control, static_cast<std::uint32_t>(frames.size()), 4);
        put_big(control, 0, 4);  // plays: for ever
        put_chunk(out, "acTL", control);
      } else if (chunk.type == "IDAT") {
        Bytes data;
        put_big(data, sequence++, 4);
        data.insert(data.end(), chunk.data.begin(), chunk.data.end());
        put_chunk(out, "fdAT", data);
      }
    }
  }
  put_chunk(out, "IEND", {});
  return out;
}

void write_animation(const std::filesystem::path& path, std::span<const Image> frames,
                     const AnimationTiming& timing) {
  const Bytes bytes = path.extension() == ".gif" ? encode_gif(frames, timing) : encode_apng(frames, timing);
  engine::write_atomically(path, std::as_bytes(std::span(bytes)));
}

}  // namespace mebm::report

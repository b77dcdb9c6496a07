#pragma once
// Takes animations apart, sharing no code with what put them together.

#include <zlib.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <png.h>

#include "report/png.h"

namespace mebm::report {

struct DecodedFrame {
  Image image;  // three channels
  int milliseconds = 0;
};

namespace decoders {

using Bytes = std::vector<std::uint8_t>;

inline std::uint32_t big(const Bytes& b, std::size_t at, int bytes = 4) {
  std::uint32_t value = 0;
  for (int i = 0; i < bytes; ++i) value = value << 8 | b.at(at + static_cast<std::size_t>(i));
  return value;
}

inline void append_big(Bytes& to, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) to.push_back(static_cast<std::uint8_t>(value >> shift));
}

inline void append_chunk(Bytes& to, const std::string& type, const Bytes& data) {
  append_big(to, static_cast<std::uint32_t>(data.size()));
  Bytes body(type.begin(), type.end());
  body.insert(body.end(), data.begin(), data.end());
  to.insert(to.end(), body.begin(), body.end());
  append_big(to, static_cast<std::uint32_t>(crc32(0, body.data(), static_cast<uInt>(body.size()))));
}

inline Image read_memory(const Bytes& png) {
  png_image handle{};
  handle.version = PNG_IMAGE_VERSION;
  if (png_image_begin_read_from_memory(&handle, png.data(), png.size()) == 0)
    throw std::runtime_error(handle.message);
  handle.format = PNG_FORMAT_RGB;
  Image image = Image::filled(static_cast<int>(handle.width), static_cast<int>(handle.height), 3, 0);
  if (png_image_finish_read(&handle, nullptr, image.pixels.data(), 0, nullptr) == 0)
    throw std::runtime_error(handle.message);
  return image;
}

}  // namespace decoders

// Frames of an animated PNG, each read by libpng as a file of its own. Throws where the order of the chunks,
// their numbers or checksums are wrong.
inline std::vector<DecodedFrame> decode_apng(const std::vector<std::uint8_t>& file) {
  using namespace decoders;
  const Bytes signature(file.begin(), file.begin() + 8);
  Bytes header, current;
  std::vector<DecodedFrame> frames;
  std::uint32_t announced = 0, sequence = 0;
  const auto close = [&] {
    if (current.empty()) return;
    append_chunk(current, "IEND", {});
    frames.back().image = read_memory(current);
    current.clear();
  };
  for (std::size_t at = 8; at < file.size();) {
    const std::uint32_t length = big(file, at);
    const std::string type(file.begin() + static_cast<std::ptrdiff_t>(at) + 4,
                           file.begin() + static_cast<std::ptrdiff_t>(at) + 8);
    const auto begin = file.begin() + static_cast<std::ptrdiff_t>(at) + 8;
    Bytes data(begin, begin + length);
    if (big(file, at + 8 + length) !=
        static_cast<std::uint32_t>(crc32(0, file.data() + at + 4, static_cast<uInt>(length + 4))))
      throw std::runtime_error("checksum of " + type);
    at += length + 12;
    if (type == "IHDR") header = data;
    if (type == "acTL") announced = big(data, 0);
    if (type == "fcTL" || type == "fdAT") {
      if (announced == 0 || big(data, 0) != sequence++) throw std::runtime_error("sequence of " + type);
    }
    if (type == "fcTL") {
      close();
      if (big(data, 4) != big(header, 0) || big(data, 8) != big(header, 4)) throw std::runtime_error("size");
      frames.emplace_back();
      frames.back().milliseconds = static_cast<int>(big(data, 20, 2) * 1000 / big(data, 22, 2));
      current = signature;
      append_chunk(current, "IHDR", header);
    }
    if (type == "IDAT") append_chunk(current, "IDAT", data);
    if (type == "fdAT") append_chunk(current, "IDAT", Bytes(data.begin() + 4, data.end()));
  }
  close();
  if (frames.size() != announced) throw std::runtime_error("number of frames");
  return frames;
}

namespace decoders {

// GIF's code, as its specification words it.
inline Bytes lzw_decode(const Bytes& code, int bits) {
  const int clear = 1 << bits, end = clear + 1;
  std::vector<Bytes> table;
  const auto reset = [&] {
    table.assign(static_cast<std::size_t>(clear) + 2, {});
    for (int i = 0; i < clear; ++i) table[static_cast<std::size_t>(i)] = {static_cast<std::uint8_t>(i)};
  };
  reset();
  Bytes out, previous;
  int length = bits + 1;
  for (std::size_t bit = 0;;) {
    std::size_t value = 0;
    for (int i = 0; i < length; ++i, ++bit)
      value |= static_cast<std::size_t>(code.at(bit / 8) >> (bit % 8) & 1) << i;
    if (value == static_cast<std::size_t>(end)) return out;
    if (value == static_cast<std::size_t>(clear)) {
      reset();
      length = bits + 1;
      previous.clear();
      continue;
    }
    if (value > table.size() || (value == table.size() && previous.empty())) throw std::runtime_error("code");
    Bytes entry = previous;
    if (value < table.size())
      entry = table[value];
    else
      entry.push_back(previous[0]);
    out.insert(out.end(), entry.begin(), entry.end());
    if (!previous.empty() && table.size() < 4096) {
      previous.push_back(entry[0]);
      table.push_back(previous);
    }
    if (table.size() == std::size_t{1} << length && length < 12) ++length;
    previous = entry;
  }
}

}  // namespace decoders

// Frames of a GIF with a colour table each, drawn over the whole picture.
inline std::vector<DecodedFrame> decode_gif(const std::vector<std::uint8_t>& file) {
  using decoders::Bytes;
  const auto little = [&](std::size_t at) { return file.at(at) | file.at(at + 1) << 8; };
  if (std::string(file.begin(), file.begin() + 6) != "GIF89a") throw std::runtime_error("signature");
  std::vector<DecodedFrame> frames;
  int hundredths = 0;
  for (std::size_t at = 13;;) {
    const std::uint8_t kind = file.at(at++);
    if (kind == 0x3b) break;
    if (kind == 0x21) {
      if (file.at(at++) == 0xf9) hundredths = little(at + 2);
      while (file.at(at) != 0) at += file.at(at) + std::size_t{1};
      ++at;
      continue;
    }
    if (kind != 0x2c) throw std::runtime_error("block");
    DecodedFrame frame;
    frame.milliseconds = 10 * hundredths;
    frame.image = Image::filled(little(at + 4), little(at + 6), 3, 0);
    const std::size_t colours = std::size_t{2} << (file.at(at + 8) & 7), table = at + 9;
    at = table + 3 * colours;
    const int bits = file.at(at++);
    Bytes code;
    for (; file.at(at) != 0; at += file.at(at) + std::size_t{1})
      code.insert(code.end(), file.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                  file.begin() + static_cast<std::ptrdiff_t>(at) + 1 + file.at(at));
    ++at;
    const Bytes indices = decoders::lzw_decode(code, bits);
    if (3 * indices.size() != frame.image.pixels.size()) throw std::runtime_error("pixels");
    for (std::size_t i = 0; i < indices.size(); ++i)
      for (std::size_t c = 0; c < 3; ++c)
        frame.image.pixels[3 * i + c] = file.at(table + std::size_t{3} * indices[i] + c);
    frames.push_back(frame);
  }
  return frames;
}

}  // namespace mebm::report

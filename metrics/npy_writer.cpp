#include <cstring>

#include "engine/core/error.h"
#include "metrics/little_endian.h"
#include "metrics/npy.h"

namespace mebm::metrics {
namespace {

constexpr std::size_t kAlignment = 64;

// Magic, version 1.0, and the header padded by blanks so that data begin at a multiple of 64.
std::vector<std::byte> make_header(const std::string& type, const std::vector<std::int64_t>& shape) {
  std::string tuple = fmt::format("{}", fmt::join(shape, ", "));
  if (shape.size() == 1) tuple += ',';
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", type, tuple);
  const std::size_t used = 10 + header.size() + 1;
  header.append((kAlignment - used % kAlignment) % kAlignment, ' ');
  header += '\n';
  std::vector<std::byte> bytes;
  for (const char c : {'\x93', 'N', 'U', 'M', 'P', 'Y', '\1', '\0'}) bytes.push_back(std::byte(c));
  append(bytes, static_cast<std::uint16_t>(header.size()));
  for (const char c : header) bytes.push_back(std::byte(c));
  return bytes;
}

// Code points of valid UTF-8; Error for other bytes.
std::vector<std::uint32_t> code_points(const std::string& utf8) {
  std::vector<std::uint32_t> points;
  for (std::size_t i = 0; i < utf8.size();) {
    const auto first = static_cast<std::uint8_t>(utf8[i++]);
    const int more = first < 0x80                    ? 0
                     : first >= 0xc2 && first < 0xe0 ? 1
                     : first >= 0xe0 && first < 0xf0 ? 2
                                                     : 3;
    engine::require(first < 0x80 || (first >= 0xc2 && first < 0xf5), "\"{}\" is no UTF-8", utf8);
    std::uint32_t point = first & (0x7f >> (more ? more + 1 : 0));
    for (int k = 0; k < more; ++k, ++i) {
      engine::require(i < utf8.size() && (utf8[i] & 0xc0) == 0x80, "\"{}\" is no UTF-8", utf8);
      point = point << 6 | (static_cast<std::uint8_t>(utf8[i]) & 0x3f);
    }
    points.push_back(point);
  }
  return points;
}

}  // namespace

std::vector<std::byte> make_npy(std::span<const double> values, const std::vector<std::int64_t>& shape) {
  std::int64_t elements = 1;
  for (const std::int64_t extent : shape) elements *= extent;
  engine::require(static_cast<std::size_t>(elements) == values.size(), "{} values for shape {}",
                  values.size(), shape_text(shape));
  std::vector<std::byte> bytes = make_header("<f8", shape);
  const auto data = std::as_bytes(values);
  bytes.insert(bytes.end(), data.begin(), data.end());
  return bytes;
}

std::vector<std::byte> make_npy(std::int64_t value) {
  std::vector<std::byte> bytes = make_header("<i8", {});
  append(bytes, value);
  return bytes;
}

std::vector<std::byte> make_npy(const std::string& utf8) {
  const std::vector<std::uint32_t> points = code_points(utf8);
  std::vector<std::byte> bytes = make_header(fmt::format("<U{}", points.size()), {});
  for (const std::uint32_t point : points) append(bytes, point);
  return bytes;
}

}  // namespace mebm::metrics

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <string_view>

#include "engine/core/error.h"
#include "metrics/little_endian.h"
#include "metrics/npy.h"

namespace mebm::metrics {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMostHeader = 1 << 16, kMostDimensions = 8;

// The header's Python dictionary, as NumPy writes it.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  NpyArray parse() {
    NpyArray array;
    int found = 0;
    expect('{');
    while (!take('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr") {
        array.type = quoted();
        found |= 1;
      } else if (key == "fortran_order") {
        array.fortran_order = boolean();
        found |= 2;
      } else if (key == "shape") {
        array.shape = tuple();
        found |= 4;
      } else {
        fail();
      }
      if (!take(',') && peek() != '}') fail();
    }
    if (found != 7 || peek() != '\0') fail();
    return array;
  }

 private:
  [[noreturn]] void fail() const {
    std::string shown(text_.substr(0, 120));
    for (char& c : shown)
      if (c < ' ' || c > '~') c = ' ';
    engine::fail_input("{}: not the header of a plain array, near byte {}: {}", where_, at_, shown);
  }
  char peek() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail();
  }
  std::string quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') fail();
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) fail();
    std::string word(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return word;
  }
  bool boolean() {
    peek();
    for (const std::string_view word : {"True", "False"})
      if (text_.substr(at_).starts_with(word)) {
        at_ += word.size();
        return word == "True";
      }
    fail();
  }
  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> values;
    expect('(');
    while (!take(')')) {
      peek();
      std::int64_t value = 0;
      const char* const end = text_.data() + text_.size();
      const auto [next, error] = std::from_chars(text_.data() + at_, end, value);
      if (error != std::errc() || value < 0 || values.size() == kMostDimensions) fail();
      at_ = static_cast<std::size_t>(next - text_.data());
      values.push_back(value);
      if (!take(',') && peek() != ')') fail();
    }
    return values;
  }

  std::string_view text_;
  const std::string& where_;
  std::size_t at_ = 0;
};

// Bytes of one element, 0 for what is not read here.
std::int64_t element_bytes(const std::string& type) {
  if (type == "|u1") return 1;
  if (type == "<f4" || type == "<i4" || type == "<u4") return 4;
  if (type == "<f8" || type == "<i8" || type == "<u8") return 8;
  std::int64_t letters = 0;
  const char* const end = type.data() + type.size();
  if (!type.starts_with("<U") || std::from_chars(type.data() + 2, end, letters).ptr != end) return 0;
  return letters >= 0 && letters <= (1 << 20) ? 4 * letters : 0;
}

void append_utf8(std::string& to, std::uint32_t point, const std::string& where) {
  if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
    engine::fail_input("{}: {:#x} is no character", where, point);
  if (point < 0x80) {
    to += static_cast<char>(point);
    return;
  }
  const int more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
  to += static_cast<char>((0xf00 >> (more + 1) & 0xff) | point >> (6 * more));
  for (int i = more - 1; i >= 0; --i) to += static_cast<char>(0x80 | (point >> (6 * i) & 0x3f));
}

template <typename T>
std::vector<double> values_of(std::span<const std::byte> data) {
  std::vector<double> values(data.size() / sizeof(T));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<double>(load<T>(data.data() + i * sizeof(T)));
  return values;
}

}  // namespace

std::string shape_text(const std::vector<std::int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

NpyArray parse_npy(std::span<const std::byte> bytes, const std::string& where) {
  const bool magic = bytes.size() >= 12 && std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) == 0;
  const int version = magic ? static_cast<int>(bytes[6]) : 0;
  if (version < 1 || version > 3) engine::fail_input("{}: no .npy array of version 1 to 3", where);
  const std::size_t start = version == 1 ? 10 : 12;
  const std::size_t header =
      version == 1 ? load<std::uint16_t>(bytes.data() + 8) : load<std::uint32_t>(bytes.data() + 8);
  if (header > kMostHeader || header > bytes.size() - start)
    engine::fail_input("{}: a header of {} bytes in an array of {}", where, header, bytes.size());
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + start, header);
  NpyArray array = HeaderParser(text, where).parse();
  array.data = bytes.subspan(start + header);
  const std::int64_t element = element_bytes(array.type);
  if (element == 0 && array.type != "<U0")
    engine::fail_input("{}: type '{}' is not read; float64 ('<f8') or float32 ('<f4') is expected", where,
                       array.type);
  std::int64_t expected = element;
  bool too_large = false;
  for (const std::int64_t extent : array.shape)
    too_large |= __builtin_mul_overflow(expected, extent, &expected);
  if (too_large || static_cast<std::uint64_t>(expected) != array.data.size())
    engine::fail_input("{}: shape {} of '{}' does not go with its {} bytes", where, shape_text(array.shape),
                       array.type, array.data.size());
  return array;
}

std::vector<double> floats_of(const NpyArray& array, const std::string& where) {
  if (array.type != "<f8" && array.type != "<f4")
    engine::fail_input("{}: type '{}'; float64 ('<f8') or float32 ('<f4') is expected", where, array.type);
  std::vector<double> values =
      array.type == "<f8" ? values_of<double>(array.data) : values_of<float>(array.data);
  if (!array.fortran_order || array.shape.size() < 2) return values;
  engine::require(array.shape.size() == 2, "{}: {} dimensions in Fortran order", where, array.shape.size());
  std::vector<double> transposed(values.size());
  const auto rows = static_cast<std::size_t>(array.shape[0]),
             columns = static_cast<std::size_t>(array.shape[1]);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < columns; ++c) transposed[r * columns + c] = values[c * rows + r];
  return transposed;
}

std::int64_t integer_of(const NpyArray& array, const std::string& where) {
  const std::byte* data = array.data.data();
  const bool single =
      std::all_of(array.shape.begin(), array.shape.end(), [](auto extent) { return extent == 1; });
  if (single && array.type == "<i8") return load<std::int64_t>(data);
  if (single && array.type == "<i4") return load<std::int32_t>(data);
  if (single && array.type == "<u4") return load<std::uint32_t>(data);
  if (single && array.type == "|u1") return load<std::uint8_t>(data);
  if (single && array.type == "<u8" &&
      load<std::uint64_t>(data) <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return static_cast<std::int64_t>(load<std::uint64_t>(data));
  engine::fail_input("{}: shape {} of '{}'; a single integer is expected", where, shape_text(array.shape),
                     array.type);
}

std::string text_of(const NpyArray& array, const std::string& where) {
  const bool single =
      std::all_of(array.shape.begin(), array.shape.end(), [](auto extent) { return extent == 1; });
  if (!single || !array.type.starts_with("<U"))
    engine::fail_input("{}: shape {} of '{}'; a single string is expected", where, shape_text(array.shape),
                       array.type);
  std::string text;
  for (std::size_t i = 0; i + 4 <= array.data.size(); i += 4) {
    const auto point = load<std::uint32_t>(array.data.data() + i);
    if (point != 0) append_utf8(text, point, where);
  }
  return text;
}

}  // namespace mebm::metrics

#pragma once
// NumPy's .npy arrays in memory.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace mebm::metrics {

// A parsed header; `data` are the bytes behind it, of the array it came from.
struct NpyArray {
  std::string type;  // "<f8"
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> data;
};

// InputError beginning with `where` ("file: mu.npy") where the bytes are no .npy array of version 1 to 3 with
// exactly the bytes that type and shape ask for.
NpyArray parse_npy(std::span<const std::byte> bytes, const std::string& where);

// Floating-point values in C order, of "<f4" or "<f8"; InputError for other types.
std::vector<double> floats_of(const NpyArray& array, const std::string& where);
// A single integer of type "<i4", "<i8", "<u4", "<u8" or "|u1".
std::int64_t integer_of(const NpyArray& array, const std::string& where);
// A single string of type "<U...", in UTF-8.
std::string text_of(const NpyArray& array, const std::string& where);

// Arrays of shape `shape` ({}: a single value), in C order.
std::vector<std::byte> make_npy(std::span<const double> values, const std::vector<std::int64_t>& shape);
std::vector<std::byte> make_npy(std::int64_t value);
std::vector<std::byte> make_npy(const std::string& utf8);

// "[2, 3]"
std::string shape_text(const std::vector<std::int64_t>& shape);

}  // namespace mebm::metrics

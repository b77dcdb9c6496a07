#pragma once
// Numbers of file formats, least byte first, at any address.

#include <bit>
#include <cstddef>
#include <cstring>
#include <vector>

namespace mebm::metrics {

static_assert(std::endian::native == std::endian::little);

template <typename T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

template <typename T>
void append(std::vector<std::byte>& bytes, T value) {
  const auto* from = reinterpret_cast<const std::byte*>(&value);
  bytes.insert(bytes.end(), from, from + sizeof(T));
}

}  // namespace mebm::metrics

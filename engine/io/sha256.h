#pragma once
// SHA-256 (FIPS 180-4), streamed.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace mebm::engine {

using Sha256Digest = std::array<std::uint8_t, 32>;

// Feed any number of pieces with update(), then take the digest once with finish().
class Sha256 {
 public:
  void update(std::span<const std::byte> bytes);
  // Digest of everything fed so far; the object must not be used afterwards.
  Sha256Digest finish();

 private:
  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::uint8_t, 64> tail_{};  // the bytes of an incomplete block
  std::uint64_t length_ = 0;             // bytes fed
};

Sha256Digest sha256(std::span<const std::byte> bytes);

// Lower-case hexadecimal, 64 characters.
std::string to_hex(const Sha256Digest& digest);

}  // namespace mebm::engine

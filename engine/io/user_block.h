#pragma once
// The 512 bytes before the HDF5 data of every file this project writes (docs/checkpoint-format.md):
// enough to prove the rest undamaged before the HDF5 library sees it.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/io/sha256.h"

namespace mebm::engine {

constexpr std::size_t kUserBlockSize = 512;
constexpr std::uint32_t kUserBlockVersion = 1;

using UserBlockBytes = std::array<std::byte, kUserBlockSize>;

struct UserBlock {
  std::uint32_t version = kUserBlockVersion;
  std::uint64_t payload_length = 0;  // bytes after the block
  Sha256Digest digest{};             // of those bytes
};

UserBlockBytes encode(const UserBlock& block);

enum class UserBlockState { ours, damaged, foreign };

// `damaged`: the magic stands at one end of the block but not at both, or bytes that must be fixed differ.
// `block` is filled for `ours` and, as far as it can be read, for `damaged`.
UserBlockState decode(std::span<const std::byte> bytes, UserBlock& block);

}  // namespace mebm::engine

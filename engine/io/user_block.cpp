#include "engine/io/user_block.h"

#include <algorithm>
#include <cstring>

namespace mebm::engine {
namespace {

// Layout: 0 magic · 8 version · 12 block size · 16 payload length · 24 digest · 56 zeros · 504 magic.
// Numbers are little-endian.
constexpr std::array<char, 8> kMagic{'M', 'E', 'B', 'M', 'F', 'I', 'L', 'E'};
constexpr std::size_t kVersionAt = 8, kSizeAt = 12, kLengthAt = 16, kDigestAt = 24, kTailAt = 504;

void put(UserBlockBytes& bytes, std::size_t at, std::uint64_t value, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) bytes[at + i] = std::byte(value >> (8 * i));
}

std::uint64_t take(std::span<const std::byte> bytes, std::size_t at, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value |= std::to_integer<std::uint64_t>(bytes[at + i]) << (8 * i);
  return value;
}

bool magic_at(std::span<const std::byte> bytes, std::size_t at) {
  return bytes.size() >= at + kMagic.size() &&
         std::memcmp(bytes.data() + at, kMagic.data(), kMagic.size()) == 0;
}

}  // namespace

UserBlockBytes encode(const UserBlock& block) {
  UserBlockBytes bytes{};
  std::memcpy(bytes.data(), kMagic.data(), kMagic.size());
  put(bytes, kVersionAt, block.version, 4);
  put(bytes, kSizeAt, kUserBlockSize, 4);
  put(bytes, kLengthAt, block.payload_length, 8);
  std::memcpy(bytes.data() + kDigestAt, block.digest.data(), block.digest.size());
  std::memcpy(bytes.data() + kTailAt, kMagic.data(), kMagic.size());
  return bytes;
}

UserBlockState decode(std::span<const std::byte> bytes, UserBlock& block) {
  const bool head = magic_at(bytes, 0);
  const bool tail = magic_at(bytes, kTailAt);
  if (!head && !tail) return UserBlockState::foreign;
  if (bytes.size() < kUserBlockSize) return UserBlockState::damaged;
  block.version = static_cast<std::uint32_t>(take(bytes, kVersionAt, 4));
  block.payload_length = take(bytes, kLengthAt, 8);
  std::memcpy(block.digest.data(), bytes.data() + kDigestAt, block.digest.size());
  const UserBlockBytes expected = encode(block);
  return std::equal(expected.begin(), expected.end(), bytes.begin()) ? UserBlockState::ours
                                                                     : UserBlockState::damaged;
}

}  // namespace mebm::engine

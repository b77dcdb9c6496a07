#include "data/record_table.h"

#include <algorithm>
#include <bit>

#include "engine/core/error.h"

namespace mebm::data {
namespace {

constexpr std::size_t kParts = 3, kCellsPerPart = 128, kCells = kParts * kCellsPerPart;
constexpr std::int64_t kFewestMembers = 64;

// The finaliser of SplitMix64.
std::uint64_t scramble(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

std::uint32_t check_word(std::uint64_t key) {
  return static_cast<std::uint32_t>(scramble(~key) >> 32);
}

std::vector<std::uint8_t> decode_base64(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<std::uint8_t> bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t buffer = 0;
  int bits = 0;
  for (const char character : text) {
    if (character == '=') break;
    buffer = buffer << 6 | static_cast<std::uint32_t>(kDigits.find(character));
    bits += 6;
    if (bits >= 8) bytes.push_back(static_cast<std::uint8_t>(buffer >> (bits -= 8)));
  }
  return bytes;
}

template <typename T>
T take_big_endian(std::span<const std::uint8_t>& bytes) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value << 8 | bytes[i]);
  bytes = bytes.subspan(sizeof(T));
  return value;
}

void xor_into(std::vector<std::uint8_t>& to, std::span<const std::uint8_t> from) {
  std::transform(to.begin(), to.end(), from.begin(), to.begin(),
                 [](std::uint8_t a, std::uint8_t b) { return static_cast<std::uint8_t>(a ^ b); });
}

}  // namespace

std::uint64_t record_key(const engine::Sha256Digest& digest) {
  std::span<const std::uint8_t> bytes(digest);
  return take_big_endian<std::uint64_t>(bytes);
}

RecordTable::RecordTable(std::int64_t records, std::int64_t record_bytes)
    : keys_(kCells),
      checks_(kCells),
      members_(std::bit_ceil(static_cast<std::uint64_t>(std::max(records, kFewestMembers))) / 8),
      parity_(static_cast<std::size_t>(record_bytes)) {}

RecordTable RecordTable::from_base64(std::string_view text, std::int64_t records, std::int64_t record_bytes) {
  RecordTable table(records, record_bytes);
  const std::vector<std::uint8_t> bytes = decode_base64(text);
  const std::size_t expected = kCells * 12 + table.members_.size() + table.parity_.size();
  engine::require(bytes.size() == expected, "record table of {} bytes, {} expected", bytes.size(), expected);
  std::span<const std::uint8_t> rest(bytes);
  for (std::uint64_t& key : table.keys_) key = take_big_endian<std::uint64_t>(rest);
  for (std::uint32_t& check : table.checks_) check = take_big_endian<std::uint32_t>(rest);
  std::copy_n(rest.begin(), table.members_.size(), table.members_.begin());
  std::copy(rest.begin() + static_cast<std::ptrdiff_t>(table.members_.size()), rest.end(),
            table.parity_.begin());
  return table;
}

std::size_t RecordTable::cell(std::uint64_t key, std::size_t part) const {
  return part * kCellsPerPart + scramble(key + part + 1) % kCellsPerPart;
}

std::size_t RecordTable::member_index(std::uint64_t key) const {
  return static_cast<std::size_t>(key >> (64 - std::countr_zero(members_.size() * 8)));
}

void RecordTable::toggle(std::uint64_t key) {
  for (std::size_t part = 0; part < kParts; ++part) {
    keys_[cell(key, part)] ^= key;
    checks_[cell(key, part)] ^= check_word(key);
  }
}

void RecordTable::add(std::uint64_t key, std::span<const std::uint8_t> record) {
  toggle(key);
  const std::size_t member = member_index(key);
  members_[member / 8] = static_cast<std::uint8_t>(members_[member / 8] | 1u << member % 8);
  xor_into(parity_, record);
}

bool RecordTable::may_hold(std::uint64_t key) const {
  const std::size_t member = member_index(key);
  return (members_[member / 8] >> member % 8 & 1) != 0;
}

RecordTable::Difference RecordTable::difference(const RecordTable& a, const RecordTable& b) {
  engine::require(a.parity_.size() == b.parity_.size(), "record tables of {} and {} bytes a record",
                  a.parity_.size(), b.parity_.size());
  RecordTable rest = a;
  for (std::size_t i = 0; i < kCells; ++i) {
    rest.keys_[i] ^= b.keys_[i];
    rest.checks_[i] ^= b.checks_[i];
  }
  xor_into(rest.parity_, b.parity_);
  Difference result;
  result.parity = rest.parity_;
  // A cell that holds a single key gives it away; taking the key out of its other cells uncovers the next.
  // More keys than cells cannot be: then a false reading feeds on itself, and the difference is incomplete.
  for (bool found = true; found && result.keys.size() <= kCells;) {
    found = false;
    for (std::size_t i = 0; i < kCells; ++i) {
      const std::uint64_t key = rest.keys_[i];
      if ((key == 0 && rest.checks_[i] == 0) || rest.checks_[i] != check_word(key) ||
          rest.cell(key, i / kCellsPerPart) != i)
        continue;
      result.keys.push_back(key);
      rest.toggle(key);
      found = true;
    }
  }
  const auto empty = [](const auto& cells) {
    return std::all_of(cells.begin(), cells.end(), [](auto c) { return c == 0; });
  };
  result.complete = empty(rest.keys_) && empty(rest.checks_);
  return result;
}

}  // namespace mebm::data

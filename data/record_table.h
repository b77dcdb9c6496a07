#pragma once
// A compact, order-independent summary of the records of a split (about 20 KB for 50000 records of 3073
// bytes), from which the records that differ from the official ones can be found.
//
// A record's key is the first 8 bytes, big-endian, of the SHA-256 of its bytes. The summary holds
//   cells    an invertible Bloom lookup table, 3 parts of 128 cells: each record's key (and a check word of
//   it)
//            is XORed into one cell of each part. The XOR of two summaries cancels what both sets share; up
//            to about 300 differing keys (150 changed records) are then read off one by one, exactly.
//   members  a bitmap indexed by the leading bits of the key: a clear bit proves that a record is not
//   official.
//            Used when more records differ than the cells resolve; a wrong record goes unnoticed with the
//            share of set bits as probability (0.45 ... 0.6 for the sets here), a thousand of them never.
//   parity   the XOR of all records, byte by byte: with one changed record, the XOR of two summaries is the
//            change itself.

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "engine/io/sha256.h"

namespace mebm::data {

// First 8 bytes of a record's SHA-256, big-endian.
std::uint64_t record_key(const engine::Sha256Digest& digest);

class RecordTable {
 public:
  // Summary of no records yet, sized for `records` of record_bytes each.
  RecordTable(std::int64_t records, std::int64_t record_bytes);

  // Reads what make_official_tables.py wrote: base64 of key words (big-endian), check words, bitmap, parity.
  // Error when the text has another length.
  static RecordTable from_base64(std::string_view text, std::int64_t records, std::int64_t record_bytes);

  void add(std::uint64_t key, std::span<const std::uint8_t> record);

  // False only when no record of this key was added.
  bool may_hold(std::uint64_t key) const;

  bool operator==(const RecordTable&) const = default;

  // What two summaries of the same size do not share.
  struct Difference {
    bool complete = false;            // whether keys holds every difference
    std::vector<std::uint64_t> keys;  // records that only one side has (parity of their numbers)
    std::vector<std::uint8_t> parity;
  };
  static Difference difference(const RecordTable& a, const RecordTable& b);

 private:
  std::size_t cell(std::uint64_t key, std::size_t part) const;
  std::size_t member_index(std::uint64_t key) const;
  void toggle(std::uint64_t key);

  std::vector<std::uint64_t> keys_;
  std::vector<std::uint32_t> checks_;
  std::vector<std::uint8_t> members_, parity_;
};

}  // namespace mebm::data

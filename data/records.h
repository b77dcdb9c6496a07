#pragma once
// The raw records of a split as they lie in its files, for verification: which bytes belong to record i, and
// where.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/cifar.h"
#include "data/idx.h"

namespace mebm::data {

// Content of one file, decompressed.
struct RecordFile {
  std::string name;   // as published: data_batch_1.bin
  std::string label;  // path, or archive:member
  std::vector<std::uint8_t> bytes;
};

// Part of every record: `length` bytes at header + record * stride.
struct RecordPiece {
  std::size_t file = 0;
  std::int64_t header = 0, stride = 0, length = 0;
};

// `records` records, each the concatenation of its pieces (CIFAR: one; idx: label, then pixels).
struct RecordBlock {
  std::int64_t records = 0;
  std::vector<RecordPiece> pieces;
};

struct SplitRecords {
  std::string split;
  std::vector<RecordFile> files;
  std::vector<RecordBlock> blocks;

  std::int64_t count() const;
  std::int64_t record_bytes() const;
  // Bytes of record `index`, counted through the blocks.
  std::vector<std::uint8_t> record(std::int64_t index) const;

  struct Place {
    std::string file;         // label
    std::int64_t record = 0;  // within the file
    std::int64_t offset = 0;  // within the (decompressed) file
  };
  // Where byte `byte` of record `index` lies.
  Place place(std::int64_t index, std::int64_t byte) const;
};

// InputError as read_cifar and read_idx, label ranges included.
SplitRecords cifar_records(const CifarLayout& layout, const std::filesystem::path& path, Split split);
SplitRecords idx_records(const IdxLayout& layout, const std::filesystem::path& path, Split split);

}  // namespace mebm::data

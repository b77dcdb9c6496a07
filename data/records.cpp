#include "data/records.h"

#include <algorithm>
#include <utility>

#include "engine/core/error.h"

namespace mebm::data {
namespace {

// The block of record `index`, which becomes the index within the block.
const RecordBlock& find_block(const std::vector<RecordBlock>& blocks, std::int64_t& index) {
  for (const RecordBlock& block : blocks) {
    if (index < block.records) return block;
    index -= block.records;
  }
  engine::fail("record {} past the end", index);
}

}  // namespace

std::int64_t SplitRecords::count() const {
  std::int64_t total = 0;
  for (const RecordBlock& block : blocks) total += block.records;
  return total;
}

std::int64_t SplitRecords::record_bytes() const {
  std::int64_t total = 0;
  for (const RecordPiece& piece : blocks.front().pieces) total += piece.length;
  return total;
}

std::vector<std::uint8_t> SplitRecords::record(std::int64_t index) const {
  const RecordBlock& block = find_block(blocks, index);
  std::vector<std::uint8_t> bytes;
  for (const RecordPiece& piece : block.pieces) {
    const auto first = files[piece.file].bytes.begin() + piece.header + index * piece.stride;
    bytes.insert(bytes.end(), first, first + piece.length);
  }
  return bytes;
}

SplitRecords::Place SplitRecords::place(std::int64_t index, std::int64_t byte) const {
  const RecordBlock& block = find_block(blocks, index);
  for (const RecordPiece& piece : block.pieces) {
    if (byte < piece.length)
      return {files[piece.file].label, index, piece.header + index * piece.stride + byte};
    byte -= piece.length;
  }
  engine::fail("byte {} past the end of a record", byte);
}

SplitRecords cifar_records(const CifarLayout& layout, const std::filesystem::path& path, Split split) {
  SplitRecords records;
  records.split = split_name(split);
  read_cifar_files(
      layout, path, split,
      [&](const ExpectedFile& file, const std::string& label, std::span<const std::uint8_t> bytes) {
        check_cifar_labels(layout, label, bytes);
        records.files.push_back({file.name, label, {bytes.begin(), bytes.end()}});
      });
  // Archives are read in their own order; records are counted in the order of the names.
  std::sort(records.files.begin(), records.files.end(),
            [](const RecordFile& a, const RecordFile& b) { return a.name < b.name; });
  const std::int64_t bytes = layout.record_bytes();
  for (std::size_t file = 0; file < records.files.size(); ++file) {
    const auto size = static_cast<std::int64_t>(records.files[file].bytes.size());
    records.blocks.push_back({size / bytes, {{file, 0, bytes, bytes}}});
  }
  return records;
}

SplitRecords idx_records(const IdxLayout& layout, const std::filesystem::path& path, Split split) {
  IdxSplit raw = read_idx_split(layout, path, split);
  const auto published_name = [](const std::filesystem::path& file) {
    return file.extension() == ".gz" ? file.stem().string() : file.filename().string();
  };
  SplitRecords records;
  records.split = split_name(split);
  const std::int64_t count = static_cast<std::int64_t>(raw.label_file.size()) - kIdxLabelHeader;
  const std::int64_t image_bytes = std::int64_t{layout.side} * layout.side;
  records.files.push_back(
      {published_name(raw.label_path), raw.label_path.string(), std::move(raw.label_file)});
  records.files.push_back(
      {published_name(raw.image_path), raw.image_path.string(), std::move(raw.image_file)});
  records.blocks.push_back(
      {count, {{0, kIdxLabelHeader, 1, 1}, {1, kIdxImageHeader, image_bytes, image_bytes}}});
  return records;
}

}  // namespace mebm::data

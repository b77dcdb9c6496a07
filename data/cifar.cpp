#include "data/cifar.h"

#include <algorithm>
#include <array>

#include "engine/core/error.h"

namespace mebm::data {
namespace fs = std::filesystem;
namespace {

constexpr int kSide = 32, kChannels = 3, kImageBytes = kChannels * kSide * kSide;

// Splits the records of one file into labels and pixels at image `first` of the set.
void take_records(const CifarLayout& layout, std::span<const std::uint8_t> bytes, std::int64_t first,
                  ImageSet& set) {
  const std::int64_t record_bytes = layout.record_bytes(), label_bytes = record_bytes - kImageBytes;
  const std::int64_t records = static_cast<std::int64_t>(bytes.size()) / record_bytes;
  for (std::int64_t record = 0; record < records; ++record) {
    const std::uint8_t* from = bytes.data() + record * record_bytes;
    set.labels[static_cast<std::size_t>(first + record)] = from[label_bytes - 1];
    std::copy_n(from + label_bytes, kImageBytes, set.pixels.data() + (first + record) * kImageBytes);
  }
}

}  // namespace

const CifarLayout& cifar10_layout() {
  static const CifarLayout layout{
      "cifar10",
      "cifar-10-binary.tar.gz",
      "cifar-10-batches-bin",
      {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
      "test_batch.bin",
      10000,
      10000,
      {10}};
  return layout;
}

const CifarLayout& cifar100_layout() {
  static const CifarLayout layout{
      "cifar100", "cifar-100-binary.tar.gz", "cifar-100-binary", {"train.bin"}, "test.bin", 50000, 10000,
      {20, 100}};
  return layout;
}

std::string cifar_advice(const CifarLayout& layout) {
  return fmt::format(
      "download {} from https://www.cs.toronto.edu/~kriz/cifar.html and give its path or the folder "
      "it was unpacked in",
      layout.archive);
}

std::vector<ExpectedFile> cifar_files(const CifarLayout& layout, Split split) {
  const bool train = split == Split::train;
  const std::int64_t records = train ? layout.train_records : layout.test_records;
  std::vector<ExpectedFile> files;
  for (const std::string& name : train ? layout.train_files : std::vector<std::string>{layout.test_file})
    files.push_back({name, records * layout.record_bytes(),
                     fmt::format("{} records of {} bytes", records, layout.record_bytes())});
  return files;
}

CifarLocation locate_cifar(const CifarLayout& layout, const fs::path& path, Split split) {
  std::error_code error;
  if (fs::is_regular_file(path, error)) return {{}, path};
  if (!fs::exists(path, error))
    engine::fail_input("{} does not exist; {}", path.string(), cifar_advice(layout));
  const std::array<std::string_view, 2> subfolders{"", layout.folder};
  const std::vector<ExpectedFile> files = cifar_files(layout, split);
  for (const ExpectedFile& file : files) {
    const fs::path folder = find_folder(path, subfolders, file.name);
    if (!folder.empty()) return {folder, {}};
  }
  const fs::path folder = find_folder(path, subfolders, layout.archive);
  if (!folder.empty()) return {{}, folder / layout.archive};
  engine::fail_input("{} holds neither {} (nor {}/{}) nor {}; {}", path.string(), files.front().name,
                     layout.folder, files.front().name, layout.archive, cifar_advice(layout));
}

void read_cifar_files(const CifarLayout& layout, const fs::path& path, Split split, const FileSink& sink) {
  const CifarLocation location = locate_cifar(layout, path, split);
  const std::vector<ExpectedFile> files = cifar_files(layout, split);
  if (location.archive.empty())
    read_folder(location.folder, files, cifar_advice(layout), sink);
  else
    read_archive(location.archive, layout.folder, files, cifar_advice(layout), sink);
}

void check_cifar_labels(const CifarLayout& layout, const std::string& label,
                        std::span<const std::uint8_t> bytes) {
  const std::int64_t record_bytes = layout.record_bytes();
  const std::int64_t records = static_cast<std::int64_t>(bytes.size()) / record_bytes;
  for (std::int64_t record = 0; record < records; ++record)
    for (std::size_t i = 0; i < layout.label_limits.size(); ++i) {
      const std::int64_t offset = record * record_bytes + static_cast<std::int64_t>(i);
      const int value = bytes[static_cast<std::size_t>(offset)], limit = layout.label_limits[i];
      if (value >= limit)
        engine::fail_input("{}: label {} out of range 0 ... {} in record {} at byte offset {}; {}", label,
                           value, limit - 1, record, offset, cifar_advice(layout));
    }
}

ImageSet read_cifar(const CifarLayout& layout, const fs::path& path, Split split) {
  ImageSet set;
  set.name = layout.name;
  set.split = split_name(split);
  set.channels = kChannels;
  set.height = set.width = set.original_height = set.original_width = kSide;
  set.num_classes = layout.num_classes();
  const std::vector<ExpectedFile> files = cifar_files(layout, split);
  const std::int64_t per_file = split == Split::train ? layout.train_records : layout.test_records;
  const std::int64_t count = per_file * static_cast<std::int64_t>(files.size());
  read_cifar_files(
      layout, path, split,
      [&](const ExpectedFile& file, const std::string& label, std::span<const std::uint8_t> bytes) {
        set.pixels.resize(static_cast<std::size_t>(count * kImageBytes));
        set.labels.resize(static_cast<std::size_t>(count));
        const auto place = std::find_if(files.begin(), files.end(),
                                        [&](const auto& other) { return other.name == file.name; });
        check_cifar_labels(layout, label, bytes);
        take_records(layout, bytes, (place - files.begin()) * per_file, set);
      });
  return set;
}

}  // namespace mebm::data

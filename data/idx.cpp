#include "data/idx.h"

#include <array>

#include "data/sources.h"
#include "engine/core/error.h"

namespace mebm::data {
namespace fs = std::filesystem;
namespace {

constexpr std::uint32_t kImageMagic = 0x00000803, kLabelMagic = 0x00000801;

// One idx file as it must be: magic, then the extents.
struct IdxFile {
  std::string stem;
  std::uint32_t magic = 0;
  std::vector<std::int64_t> extents;
};

IdxFile image_file(const IdxLayout& layout, Split split) {
  const bool train = split == Split::train;
  return {train ? "train-images-idx3-ubyte" : "t10k-images-idx3-ubyte",
          kImageMagic,
          {train ? layout.train_count : layout.test_count, layout.side, layout.side}};
}

IdxFile label_file(const IdxLayout& layout, Split split) {
  const bool train = split == Split::train;
  return {train ? "train-labels-idx1-ubyte" : "t10k-labels-idx1-ubyte",
          kLabelMagic,
          {train ? layout.train_count : layout.test_count}};
}

// The file, plain before compressed, in the first subfolder that has either.
fs::path find_file(const IdxLayout& layout, const fs::path& path, const std::string& stem) {
  std::error_code error;
  if (!fs::exists(path, error))
    engine::fail_input("{} does not exist; {}", path.string(), idx_advice(layout));
  for (const std::string& subfolder : layout.subfolders)
    for (const char* ending : {"", ".gz"}) {
      const fs::path file = (subfolder.empty() ? path : path / subfolder) / (stem + ending);
      if (fs::is_regular_file(file, error)) return file;
    }
  engine::fail_input("{}[.gz] is missing; {}", (path / stem).string(), idx_advice(layout));
}

std::uint32_t big_endian(const std::uint8_t* bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 |
         bytes[3];
}

// Checks the header's words against what the set has.
void check_header(const std::string& label, const std::vector<std::uint8_t>& header, const IdxFile& expected,
                  const IdxLayout& layout) {
  const std::uint32_t magic = big_endian(header.data());
  if (magic != expected.magic)
    engine::fail_input(
        "{}: wrong magic {:#010x} at byte offset 0, {:#010x} expected: not an idx file of {}; {}", label,
        magic, expected.magic, expected.magic == kImageMagic ? "images" : "labels", idx_advice(layout));
  for (std::size_t i = 0; i < expected.extents.size(); ++i) {
    const std::size_t offset = 4 * (i + 1);
    const std::uint32_t extent = big_endian(header.data() + offset);
    if (extent != expected.extents[i])
      engine::fail_input("{}: {} {} at byte offset {}, {} has {}; {}", label, extent,
                         i == 0 ? "records" : (i == 1 ? "rows" : "columns"), offset, layout.name,
                         expected.extents[i], idx_advice(layout));
  }
}

// Content of one file, header checked.
std::vector<std::uint8_t> read_idx_file(const fs::path& path, const IdxFile& expected,
                                        const IdxLayout& layout) {
  const std::string label = path.string();
  GzipReader reader(path);
  std::vector<std::uint8_t> header(4 * (expected.extents.size() + 1));
  std::int64_t data_bytes = 1;
  for (const std::int64_t extent : expected.extents) data_bytes *= extent;
  const auto header_bytes = static_cast<std::int64_t>(header.size());
  const ExpectedFile whole{path.filename().string(), header_bytes + data_bytes,
                           fmt::format("{} of header and {} records", header_bytes, expected.extents[0])};
  const std::int64_t got_header = reader.read(header);
  if (got_header < header_bytes) require_size(label, got_header, whole, idx_advice(layout));
  check_header(label, header, expected, layout);
  std::vector<std::uint8_t>& content = header;
  content.resize(static_cast<std::size_t>(whole.bytes));
  const std::int64_t got = reader.read(std::span(content).subspan(static_cast<std::size_t>(header_bytes)));
  if (got < data_bytes) require_size(label, header_bytes + got, whole, idx_advice(layout));
  std::array<std::uint8_t, 1> rest;
  if (reader.read(rest) != 0)
    engine::fail_input("{}: too long: more than the {} bytes expected ({}); {}", label, whole.bytes,
                       whole.explanation, idx_advice(layout));
  return content;
}

}  // namespace

const IdxLayout& mnist_layout() {
  static const IdxLayout layout{
      "mnist", {"", "mnist", "MNIST/raw"}, "https://ossci-datasets.s3.amazonaws.com/mnist/"};
  return layout;
}

const IdxLayout& fashion_mnist_layout() {
  static const IdxLayout layout{"fashion-mnist",
                                {"", "fashion-mnist", "FashionMNIST/raw"},
                                "https://github.com/zalandoresearch/fashion-mnist (or install Debian's "
                                "dataset-fashion-mnist, in /usr/share/datasets/fashion-mnist)"};
  return layout;
}

std::string idx_advice(const IdxLayout& layout) {
  return fmt::format(
      "download the four files {{train,t10k}}-{{images-idx3,labels-idx1}}-ubyte.gz from {} and give "
      "the folder they are in",
      layout.source);
}

IdxSplit read_idx_split(const IdxLayout& layout, const fs::path& path, Split split) {
  const IdxFile images = image_file(layout, split), labels = label_file(layout, split);
  IdxSplit result;
  result.image_path = find_file(layout, path, images.stem);
  result.label_path = find_file(layout, path, labels.stem);
  result.label_file = read_idx_file(result.label_path, labels, layout);
  for (auto offset = static_cast<std::size_t>(kIdxLabelHeader); offset < result.label_file.size(); ++offset)
    if (result.label_file[offset] >= layout.num_classes)
      engine::fail_input("{}: label {} out of range 0 ... {} in record {} at byte offset {}; {}",
                         result.label_path.string(), result.label_file[offset], layout.num_classes - 1,
                         offset - kIdxLabelHeader, offset, idx_advice(layout));
  result.image_file = read_idx_file(result.image_path, images, layout);
  return result;
}

ImageSet read_idx(const IdxLayout& layout, const fs::path& path, Split split) {
  const IdxSplit raw = read_idx_split(layout, path, split);
  ImageSet set;
  set.name = layout.name;
  set.split = split_name(split);
  set.channels = 1;
  set.height = set.width = set.original_height = set.original_width = layout.side;
  set.num_classes = layout.num_classes;
  set.pixels.assign(raw.image_file.begin() + kIdxImageHeader, raw.image_file.end());
  set.labels.assign(raw.label_file.begin() + kIdxLabelHeader, raw.label_file.end());
  pad_to_network_size(set);
  return set;
}

}  // namespace mebm::data

#pragma once
// What a file of this project, or any HDF5 file, holds: the facts behind `inspect`.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/io/checkpoint_file.h"

namespace mebm::engine {

// One dataset. Statistics are over the finite values; nullopt where there are none.
struct TensorSummary {
  std::string path;
  Hdf5Type type = Hdf5Type::other;
  Hdf5Shape shape;
  std::int64_t elements = 0;
  std::optional<double> minimum, maximum, mean;
  std::int64_t non_finite = 0;  // NaN and infinite values
};

struct FileSummary {
  std::string path;
  FileCheck check;  // digest state and file size
  // Below: filled only where the file could be opened (check.state intact or foreign).
  std::string format;  // root attribute; "" where absent
  std::optional<std::int64_t> version, iteration, epoch;
  std::optional<std::string> engine_version, created, config;
  std::map<std::string, Hdf5Attribute> attributes;        // of the root, without those above
  std::map<std::string, Hdf5Attribute> model_attributes;  // of /model; empty where absent
  std::map<std::string, std::map<std::string, Hdf5Attribute>>
      group_attributes;  // of the other groups with any
  std::vector<TensorSummary> tensors;
  std::int64_t parameters = 0;     // elements under /model/parameters
  std::uint64_t tensor_bytes = 0;  // of all tensors, uncompressed
  std::int64_t non_finite = 0;     // over all tensors
};

// Reads the whole file. A damaged file of ours gives a summary whose check says so; what is no HDF5 file, or
// a foreign one that cannot be read, is an InputError.
FileSummary inspect_file(const std::filesystem::path& path);

}  // namespace mebm::engine

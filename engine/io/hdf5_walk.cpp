// Visiting everything in a file once: what the trial process does with files of unknown origin.

#include <hdf5.h>

#include <algorithm>
#include <functional>
#include <set>

#include "engine/core/error.h"
#include "engine/io/hdf5_state.h"

namespace mebm::engine {
namespace {

using hdf5::Handle;

constexpr int kMaxDepth = 64;

using Visit = std::function<void(const std::string& path, Hdf5Kind kind)>;

class Walk {
 public:
  Walk(const Hdf5Reader& reader, const Hdf5Reader::State& state, Visit visit)
      : reader_(reader), state_(state), visit_(std::move(visit)) {}

  void enter(const std::string& group, int depth) {
    if (depth > kMaxDepth) fail_input("{}: groups are nested more than {} deep", state_.name, kMaxDepth);
    visit_(group, Hdf5Kind::group);
    const std::string prefix = group == "/" ? group : group + "/";
    for (const Hdf5Entry& entry : reader_.list(group)) {
      const std::string path = prefix + entry.name;
      if (entry.kind == Hdf5Kind::other || !first_visit(path)) continue;
      if (entry.kind == Hdf5Kind::group) enter(path, depth + 1);
      if (entry.kind == Hdf5Kind::dataset) visit_(path, Hdf5Kind::dataset);
    }
  }

  // Hard links may form cycles; every object is visited once.
  bool first_visit(const std::string& path) {
    const Handle object = hdf5::open_object(state_, path);
    H5O_info_t info;
    if (H5Oget_info2(object.get(), &info, H5O_INFO_BASIC) < 0)
      fail_input("{}: '{}' has no usable header: {}", state_.name, path, hdf5::last_error());
    return seen_.insert(info.addr).second;
  }

 private:
  const Hdf5Reader& reader_;
  const Hdf5Reader::State& state_;
  Visit visit_;
  std::set<haddr_t> seen_;
};

template <typename T>
void read_in_pieces(const Hdf5Reader& reader, const std::string& path, std::int64_t rows) {
  const std::int64_t step = reader.rows_per_piece(path);
  for (std::int64_t first = 0; first < rows; first += step)
    reader.read_rows<T>(path, first, std::min(step, rows - first));
}

void read_dataset(const Hdf5Reader& reader, const std::string& path) {
  const Hdf5Entry entry = reader.dataset(path);
  const std::int64_t rows = entry.shape.empty() ? 1 : entry.shape.front();
  switch (entry.type) {
    case Hdf5Type::other:
      return;
    case Hdf5Type::f32:
      return read_in_pieces<float>(reader, path, rows);
    case Hdf5Type::f64:
      return read_in_pieces<double>(reader, path, rows);
    case Hdf5Type::u64:
      return read_in_pieces<std::uint64_t>(reader, path, rows);
    default:
      return read_in_pieces<std::int64_t>(reader, path, rows);
  }
}

}  // namespace

std::vector<std::string> Hdf5Reader::dataset_paths() const {
  std::vector<std::string> paths;
  Walk walk(*this, *state_, [&](const std::string& path, Hdf5Kind kind) {
    if (kind == Hdf5Kind::dataset) paths.push_back(path);
  });
  walk.first_visit("/");
  walk.enter("/", 0);
  return paths;
}

void Hdf5Reader::read_everything() const {
  Walk walk(*this, *state_, [&](const std::string& path, Hdf5Kind kind) {
    attributes(path);
    if (kind == Hdf5Kind::dataset) read_dataset(*this, path);
  });
  walk.first_visit("/");
  walk.enter("/", 0);
}

}  // namespace mebm::engine

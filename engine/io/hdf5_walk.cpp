// Reading everything in a file once: what the trial process does with files of unknown origin.

#include <hdf5.h>

#include <algorithm>
#include <set>

#include "engine/core/error.h"
#include "engine/io/hdf5_state.h"
#include "engine/io/hdf5_types.h"

namespace mebm::engine {
namespace {

using hdf5::Handle;

constexpr int kMaxDepth = 64;
constexpr std::int64_t kSlabBytes = std::int64_t{1} << 24;

class Walk {
 public:
  Walk(const Hdf5Reader& reader, const Hdf5Reader::State& state) : reader_(reader), state_(state) {}

  void visit_group(const std::string& path, int depth) {
    if (depth > kMaxDepth) fail_input("{}: groups are nested more than {} deep", state_.name, kMaxDepth);
    if (!first_visit(path)) return;
    reader_.attributes(path);
    const std::string prefix = path == "/" ? path : path + "/";
    for (const Hdf5Entry& entry : reader_.list(path)) {
      if (entry.kind == Hdf5Kind::group) visit_group(prefix + entry.name, depth + 1);
      if (entry.kind == Hdf5Kind::dataset) visit_dataset(prefix + entry.name);
    }
  }

 private:
  // Hard links may form cycles; every object is read once.
  bool first_visit(const std::string& path) {
    const Handle object = hdf5::open_object(state_, path);
    H5O_info_t info;
    if (H5Oget_info2(object.get(), &info, H5O_INFO_BASIC) < 0)
      fail_input("{}: '{}' has no usable header: {}", state_.name, path, hdf5::last_error());
    return seen_.insert(info.addr).second;
  }

  void visit_dataset(const std::string& path) {
    if (!first_visit(path)) return;
    reader_.attributes(path);
    const hdf5::DatasetView view = hdf5::open_dataset(state_, path);
    if (view.element == Hdf5Type::other || view.count == 0) return;
    const std::int64_t rows = view.shape.empty() ? 1 : view.shape.front();
    const std::int64_t row_elements = view.count / rows;
    const auto element_bytes = static_cast<std::int64_t>(size_of(view.element));
    std::int64_t step = std::max<std::int64_t>(1, kSlabBytes / (row_elements * element_bytes));
    step = std::min(rows, (step + view.chunk_rows - 1) / view.chunk_rows * view.chunk_rows);
    std::vector<std::byte> slab(static_cast<std::size_t>(step * row_elements * element_bytes));
    for (std::int64_t begin = 0; begin < rows; begin += step)
      read_rows(path, view, begin, std::min(step, rows - begin), slab.data());
  }

  void read_rows(const std::string& path, const hdf5::DatasetView& view, std::int64_t begin,
                 std::int64_t count, void* out) {
    const Handle file_space(H5Scopy(view.space.get()));
    std::vector<hsize_t> start(view.shape.size()), extent(view.shape.begin(), view.shape.end());
    hsize_t elements = 1;
    if (!extent.empty()) {
      start[0] = static_cast<hsize_t>(begin);
      extent[0] = static_cast<hsize_t>(count);
      H5Sselect_hyperslab(file_space.get(), H5S_SELECT_SET, start.data(), nullptr, extent.data(), nullptr);
    }
    for (const hsize_t e : extent) elements *= e;
    const Handle memory_space(H5Screate_simple(1, &elements, nullptr));
    if (H5Dread(view.dataset.get(), hdf5::memory_type(view.element), memory_space.get(), file_space.get(),
                H5P_DEFAULT, out) < 0)
      fail_input("{}: cannot read '{}' ({} {}): {}", state_.name, path, name_of(view.element),
                 to_string(view.shape), hdf5::last_error());
  }

  const Hdf5Reader& reader_;
  const Hdf5Reader::State& state_;
  std::set<haddr_t> seen_;
};

}  // namespace

void Hdf5Reader::read_everything() const {
  Walk(*this, *state_).visit_group("/", 0);
}

}  // namespace mebm::engine

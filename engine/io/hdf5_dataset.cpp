#include <hdf5.h>

#include <algorithm>
#include <limits>

#include "engine/core/error.h"
#include "engine/io/hdf5_state.h"
#include "engine/io/hdf5_types.h"

namespace mebm::engine::hdf5 {
namespace {

// DEFLATE cannot expand more than 1032-fold; small files get an allowance for fill values.
constexpr std::uint64_t kMaxCompression = 1100;
constexpr std::uint64_t kFillAllowance = std::uint64_t{1} << 26;

using State = Hdf5Reader::State;

Hdf5Shape read_shape(const State& state, const std::string& path, hid_t space) {
  if (H5Sget_simple_extent_type(space) == H5S_NULL) return {0};
  const int rank = H5Sget_simple_extent_ndims(space);
  if (rank < 0 || rank > H5S_MAX_RANK)
    fail_input("{}: '{}' has no usable shape: {}", state.name, path, last_error());
  std::vector<hsize_t> dims(static_cast<std::size_t>(rank));
  if (rank > 0 && H5Sget_simple_extent_dims(space, dims.data(), nullptr) < 0)
    fail_input("{}: '{}' has no usable shape: {}", state.name, path, last_error());
  for (const hsize_t extent : dims)
    if (extent > static_cast<hsize_t>(std::numeric_limits<std::int64_t>::max()))
      fail_input("{}: '{}' declares an extent of {}", state.name, path, extent);
  return Hdf5Shape(dims.begin(), dims.end());
}

// shape's product times the element size, or an InputError where it exceeds 63 bits.
std::uint64_t checked_bytes(const State& state, const std::string& path, const Hdf5Shape& shape,
                            std::size_t element_bytes) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  std::int64_t bytes = static_cast<std::int64_t>(element_bytes);
  for (const std::int64_t extent : shape)
    if (__builtin_mul_overflow(bytes, extent, &bytes))
      fail_input("{}: '{}' declares shape {}, more than 2^63 bytes", state.name, path, to_string(shape));
  return static_cast<std::uint64_t>(bytes);
}

void check_layout(const State& state, const std::string& path, DatasetView& view, std::uint64_t bytes) {
  const Handle creation(H5Dget_create_plist(view.dataset.get()));
  const H5D_layout_t layout = H5Pget_layout(creation.get());
  if (layout == H5D_LAYOUT_ERROR)
    fail_input("{}: '{}' has no usable storage layout: {}", state.name, path, last_error());
  if (layout == H5D_VIRTUAL || H5Pget_external_count(creation.get()) > 0)
    fail_input("{}: '{}' keeps its data in other files; copy it into one file (h5repack)", state.name, path);

  std::uint64_t chunk_bytes = 0;
  if (layout == H5D_CHUNKED) {
    std::vector<hsize_t> chunk(view.shape.size());
    const int rank = static_cast<int>(chunk.size());
    if (H5Pget_chunk(creation.get(), rank, chunk.data()) != rank)
      fail_input("{}: '{}' has no usable chunk shape: {}", state.name, path, last_error());
    const Hdf5Shape chunk_shape(chunk.begin(), chunk.end());
    chunk_bytes = checked_bytes(state, path, chunk_shape, H5Tget_size(view.type.get()));
    view.chunk_rows = std::max<std::int64_t>(1, chunk_shape.front());
  }
  const haddr_t offset = H5Dget_offset(view.dataset.get());
  H5Eclear2(H5E_DEFAULT);
  if (layout == H5D_CONTIGUOUS && offset != HADDR_UNDEF && bytes > 0) {
    if (H5Dget_storage_size(view.dataset.get()) < bytes || offset > state.file_bytes ||
        bytes > state.file_bytes - offset)
      fail_input("{}: '{}' declares shape {} of {} ({} bytes at offset {}), but the file has {} bytes",
                 state.name, path, to_string(view.shape), name_of(view.element), bytes, offset,
                 state.file_bytes);
    return;
  }
  const std::uint64_t most =
      kFillAllowance + kMaxCompression * std::min(state.file_bytes, kFillAllowance << 20);
  if (std::max(bytes, chunk_bytes) > most)
    fail_input("{}: '{}' declares shape {} of {} ({} bytes), more than a file of {} bytes can hold",
               state.name, path, to_string(view.shape), name_of(view.element), std::max(bytes, chunk_bytes),
               state.file_bytes);
}

}  // namespace

Handle open_object(const State& state, const std::string& path) {
  Handle object(H5Oopen(state.file.get(), path.c_str(), H5P_DEFAULT));
  if (object) return object;
  const std::string reason = last_error();
  if (reason.find("doesn't exist") != std::string::npos || reason.find("not found") != std::string::npos)
    fail_input("{}: '{}' is missing", state.name, path);
  fail_input("{}: cannot open '{}': {}", state.name, path, reason);
}

DatasetView open_dataset(const State& state, const std::string& path) {
  DatasetView view;
  view.dataset = open_object(state, path);
  if (H5Iget_type(view.dataset.get()) != H5I_DATASET) fail_input("{}: '{}' is no dataset", state.name, path);
  view.type = Handle(H5Dget_type(view.dataset.get()));
  view.space = Handle(H5Dget_space(view.dataset.get()));
  if (!view.type || !view.space)
    fail_input("{}: '{}' has no usable header: {}", state.name, path, last_error());
  view.element = classify(view.type.get());
  view.shape = read_shape(state, path, view.space.get());
  const std::size_t element_bytes = std::max<std::size_t>(1, H5Tget_size(view.type.get()));
  const std::uint64_t bytes = checked_bytes(state, path, view.shape, element_bytes);
  check_layout(state, path, view, bytes);
  view.count = static_cast<std::int64_t>(bytes / element_bytes);
  checked_bytes(state, path, view.shape, std::max(element_bytes, size_of(view.element)));
  return view;
}

}  // namespace mebm::engine::hdf5

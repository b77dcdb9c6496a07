#include <hdf5.h>

#include <algorithm>

#include "engine/core/error.h"
#include "engine/io/hdf5.h"
#include "engine/io/hdf5_handle.h"
#include "engine/io/hdf5_types.h"
#include "engine/io/user_block.h"

namespace mebm::engine {

using hdf5::Handle;

struct Hdf5Writer::State {
  Handle file;
};

namespace {

[[noreturn]] void fail_writing(const std::string& object, std::string_view what) {
  fail("cannot {} '{}' in the HDF5 image: {}", what, object, hdf5::last_error());
}

Handle with_parents() {
  Handle properties(H5Pcreate(H5P_LINK_CREATE));
  H5Pset_create_intermediate_group(properties.get(), 1);
  H5Pset_char_encoding(properties.get(), H5T_CSET_UTF8);
  return properties;
}

bool object_exists(hid_t file, const std::string& path) {
  for (std::size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1))
    if (H5Lexists(file, path.substr(0, end).c_str(), H5P_DEFAULT) <= 0) return false;
  return path == "/" || H5Lexists(file, path.c_str(), H5P_DEFAULT) > 0;
}

// First-dimension chunks of about 1 MiB, so that a reader of one row inflates little more.
void set_compression(hid_t properties, const Hdf5Shape& shape, std::size_t element_bytes, int gzip_level) {
  std::vector<hsize_t> chunk(shape.begin(), shape.end());
  std::size_t row_bytes = element_bytes;
  for (std::size_t i = 1; i < chunk.size(); ++i) row_bytes *= chunk[i];
  chunk[0] = std::clamp<hsize_t>((std::size_t{1} << 20) / row_bytes, 1, chunk[0]);
  H5Pset_chunk(properties, static_cast<int>(chunk.size()), chunk.data());
  H5Pset_shuffle(properties);
  H5Pset_deflate(properties, static_cast<unsigned>(gzip_level));
}

Handle make_dataspace(const Hdf5Shape& shape) {
  if (shape.empty()) return Handle(H5Screate(H5S_SCALAR));
  const std::vector<hsize_t> dims(shape.begin(), shape.end());
  return Handle(H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr));
}

void write_attribute(hid_t file, const std::string& object, const std::string& name, hid_t stored_type,
                     hid_t memory_type, const void* value) {
  const Handle target(H5Oopen(file, object.c_str(), H5P_DEFAULT));
  const Handle space(H5Screate(H5S_SCALAR));
  const Handle properties(H5Pcreate(H5P_ATTRIBUTE_CREATE));
  H5Pset_char_encoding(properties.get(), H5T_CSET_UTF8);
  const Handle attribute(
      H5Acreate2(target.get(), name.c_str(), stored_type, space.get(), properties.get(), H5P_DEFAULT));
  if (!attribute || H5Awrite(attribute.get(), memory_type, value) < 0)
    fail_writing(object + "@" + name, "write the attribute");
}

}  // namespace

Hdf5Writer::Hdf5Writer(std::size_t expected_bytes) : state_(std::make_unique<State>()) {
  hdf5::prepare_library();
  const Handle access(H5Pcreate(H5P_FILE_ACCESS));
  const Handle creation(H5Pcreate(H5P_FILE_CREATE));
  const std::size_t increment = std::max<std::size_t>(expected_bytes + expected_bytes / 64, 1 << 16);
  H5Pset_fapl_core(access.get(), increment, false);
  H5Pset_userblock(creation.get(), kUserBlockSize);
  // The library knows open images by name: two writers at a time (a trace beside a checkpoint) need two
  // names.
  const std::string name = fmt::format("image-{}", static_cast<const void*>(state_.get()));
  state_->file = Handle(H5Fcreate(name.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()));
  if (!state_->file) fail("cannot start an HDF5 image in memory: {}", hdf5::last_error());
}

Hdf5Writer::~Hdf5Writer() = default;
Hdf5Writer::Hdf5Writer(Hdf5Writer&&) noexcept = default;
Hdf5Writer& Hdf5Writer::operator=(Hdf5Writer&&) noexcept = default;

Hdf5Writer::State& Hdf5Writer::open_state() const {
  require(state_ && state_->file, "this HDF5 image is finished; start a new Hdf5Writer");
  return *state_;
}

void Hdf5Writer::make_group(const std::string& path) {
  const hid_t file = open_state().file.get();
  if (object_exists(file, path)) return;
  const Handle group(H5Gcreate2(file, path.c_str(), with_parents().get(), H5P_DEFAULT, H5P_DEFAULT));
  if (!group) fail_writing(path, "make the group");
}

void Hdf5Writer::set_attribute(const std::string& object, const std::string& name, std::string_view value) {
  make_group(object);
  require(value.find('\0') == std::string_view::npos, "the string for attribute '{}@{}' holds a NUL", object,
          name);
  const Handle type(H5Tcopy(H5T_C_S1));
  H5Tset_size(type.get(), H5T_VARIABLE);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  const std::string terminated(value);
  const char* text = terminated.c_str();
  write_attribute(state_->file.get(), object, name, type.get(), type.get(), &text);
}

void Hdf5Writer::set_attribute(const std::string& object, const std::string& name, double value) {
  make_group(object);
  write_attribute(state_->file.get(), object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value);
}

void Hdf5Writer::set_integer(const std::string& object, const std::string& name, std::int64_t value) {
  make_group(object);
  write_attribute(state_->file.get(), object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value);
}

void Hdf5Writer::write(const std::string& path, Hdf5Type type, const Hdf5Shape& shape, const void* data,
                       const Hdf5WriteOptions& options) {
  const hid_t file = open_state().file.get();
  bool empty = false;
  for (const std::int64_t extent : shape) {
    require(extent >= 0, "'{}': shape {} has a negative extent", path, to_string(shape));
    empty = empty || extent == 0;
  }
  require(empty || data != nullptr, "'{}': no data for shape {}", path, to_string(shape));

  const Handle creation(H5Pcreate(H5P_DATASET_CREATE));
  H5Pset_obj_track_times(creation.get(), false);
  const bool compressed = options.gzip_level > 0 && !shape.empty() && !empty;
  // Contiguous data is written whole; the margin of a chunk must still be zero.
  H5Pset_fill_time(creation.get(), compressed ? H5D_FILL_TIME_ALLOC : H5D_FILL_TIME_NEVER);
  if (compressed) set_compression(creation.get(), shape, size_of(type), options.gzip_level);
  const Handle space = make_dataspace(shape);
  const Handle dataset(H5Dcreate2(file, path.c_str(), hdf5::file_type(type), space.get(),
                                  with_parents().get(), creation.get(), H5P_DEFAULT));
  if (!dataset) fail_writing(path, "make the dataset");
  if (!empty && H5Dwrite(dataset.get(), hdf5::memory_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
    fail_writing(path, "write the dataset");
}

std::vector<std::byte> Hdf5Writer::finish() {
  const hid_t file = open_state().file.get();
  if (H5Fflush(file, H5F_SCOPE_GLOBAL) < 0) fail("cannot finish the HDF5 image: {}", hdf5::last_error());
  const ssize_t size = H5Fget_file_image(file, nullptr, 0);
  if (size <= 0) fail("cannot size the HDF5 image: {}", hdf5::last_error());
  // HDF5 1.10 leaves the user block out of the image, later releases put it in.
  std::vector<std::byte> image(kUserBlockSize + static_cast<std::size_t>(size));
  std::byte* after_block = image.data() + kUserBlockSize;
  if (H5Fget_file_image(file, after_block, static_cast<std::size_t>(size)) != size)
    fail("cannot copy the HDF5 image: {}", hdf5::last_error());
  if (*after_block == std::byte{0}) image.erase(image.begin(), image.begin() + kUserBlockSize);
  state_.reset();
  return image;
}

}  // namespace mebm::engine

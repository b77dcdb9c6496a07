#include <hdf5.h>

#include <filesystem>

#include "engine/core/error.h"
#include "engine/io/hdf5_state.h"
#include "engine/io/hdf5_types.h"

namespace mebm::engine {

using hdf5::Handle;
using hdf5::last_error;

namespace {

constexpr std::size_t kMaxMembers = 1 << 20;

// Existence of every link on the way, since H5Lexists fails where a parent is absent.
bool link_exists(hid_t file, const std::string& path) {
  if (path == "/") return true;
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string prefix = path.substr(0, end);
    if (H5Lexists(file, prefix.c_str(), H5P_DEFAULT) <= 0) return false;
    if (H5Oexists_by_name(file, prefix.c_str(), H5P_DEFAULT) <= 0) return false;
    if (end == std::string::npos) return true;
  }
}

std::vector<std::string> member_names(const Hdf5Reader::State& state, const std::string& path, hid_t group) {
  std::vector<std::string> names;
  const auto collect = [](hid_t, const char* name, const H5L_info_t*, void* out) -> herr_t {
    auto& list = *static_cast<std::vector<std::string>*>(out);
    if (list.size() >= kMaxMembers) return -1;
    list.emplace_back(name);
    return 0;
  };
  hsize_t position = 0;
  if (H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, &position, collect, &names) < 0)
    fail_input("{}: cannot list the group '{}' ({} members read): {}", state.name, path, names.size(),
               last_error());
  return names;
}

}  // namespace

Hdf5Reader::Hdf5Reader(const std::string& file) : state_(std::make_unique<State>()) {
  hdf5::prepare_library();
  state_->name = file;
  std::error_code error;
  state_->file_bytes = std::filesystem::file_size(file, error);
  if (error) fail_input("{}: cannot be opened: {}", file, error.message());
  const Handle access(H5Pcreate(H5P_FILE_ACCESS));
  H5Pset_file_locking(access.get(), false, true);  // files are replaced whole, never changed in place
  state_->file = Handle(H5Fopen(file.c_str(), H5F_ACC_RDONLY, access.get()));
  if (!state_->file) fail_input("{}: the HDF5 library cannot open it: {}", file, last_error());
}

Hdf5Reader::Hdf5Reader(std::span<const std::byte> image, const std::string& name)
    : state_(std::make_unique<State>()) {
  hdf5::prepare_library();
  state_->name = name;
  state_->file_bytes = image.size();
  const Handle access(H5Pcreate(H5P_FILE_ACCESS));
  H5Pset_fapl_core(access.get(), 1 << 16, false);
  // The library copies the image; its interface lacks the const.
  if (H5Pset_file_image(access.get(), const_cast<std::byte*>(image.data()), image.size()) < 0)
    fail_input("{}: the HDF5 library does not take the image: {}", name, last_error());
  state_->file = Handle(H5Fopen("image", H5F_ACC_RDONLY, access.get()));
  if (!state_->file) fail_input("{}: the HDF5 library cannot open it: {}", name, last_error());
}

Hdf5Reader::~Hdf5Reader() = default;
Hdf5Reader::Hdf5Reader(Hdf5Reader&&) noexcept = default;
Hdf5Reader& Hdf5Reader::operator=(Hdf5Reader&&) noexcept = default;

const std::string& Hdf5Reader::file() const {
  return state_->name;
}

bool Hdf5Reader::exists(const std::string& path) const {
  const bool found = link_exists(state_->file.get(), path);
  H5Eclear2(H5E_DEFAULT);
  return found;
}

std::vector<Hdf5Entry> Hdf5Reader::list(const std::string& group) const {
  const Handle object = hdf5::open_object(*state_, group);
  if (H5Iget_type(object.get()) != H5I_GROUP) fail_input("{}: '{}' is no group", state_->name, group);
  const std::string prefix = group == "/" ? group : group + "/";
  std::vector<Hdf5Entry> entries;
  for (const std::string& name : member_names(*state_, group, object.get())) {
    Hdf5Entry entry{name, Hdf5Kind::other, {}, Hdf5Type::other};
    if (exists(prefix + name)) {
      const Handle member = hdf5::open_object(*state_, prefix + name);
      const H5I_type_t type = H5Iget_type(member.get());
      if (type == H5I_GROUP) entry.kind = Hdf5Kind::group;
      if (type == H5I_DATASET) entry = dataset(prefix + name);
      entry.name = name;
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

Hdf5Entry Hdf5Reader::dataset(const std::string& path) const {
  hdf5::DatasetView view = hdf5::open_dataset(*state_, path);
  return {path.substr(path.rfind('/') + 1), Hdf5Kind::dataset, std::move(view.shape), view.element};
}

void Hdf5Reader::check_shape(const std::string& path, const Hdf5Shape& expected) const {
  const Hdf5Shape found = shape(path);
  if (found != expected)
    fail_input("{}: '{}' has shape {}, expected {}", state_->name, path, to_string(found),
               to_string(expected));
}

void Hdf5Reader::check_count(const std::string& path, std::int64_t max_elements) const {
  const hdf5::DatasetView view = hdf5::open_dataset(*state_, path);
  if (view.count > max_elements)
    fail_input("{}: '{}' has shape {} ({} elements), expected at most {} elements", state_->name, path,
               to_string(view.shape), view.count, max_elements);
}

std::int64_t Hdf5Reader::checked_count(const std::string& path) const {
  return hdf5::open_dataset(*state_, path).count;
}

}  // namespace mebm::engine

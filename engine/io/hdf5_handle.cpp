#include "engine/io/hdf5_handle.h"

#include <hdf5.h>

#include <type_traits>

namespace mebm::engine::hdf5 {

static_assert(std::is_same_v<hid_t, std::int64_t>);

Handle::~Handle() {
  close();
}

Handle& Handle::operator=(Handle&& other) noexcept {
  if (this != &other) {
    close();
    id_ = other.release();
  }
  return *this;
}

bool Handle::close() {
  if (id_ < 0) return true;
  return H5Idec_ref(release()) >= 0;
}

void prepare_library() {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  H5PLset_loading_state(0);
  if (H5Lis_registered(H5L_TYPE_EXTERNAL) > 0) H5Lunregister(H5L_TYPE_EXTERNAL);
}

std::string last_error() {
  std::string text;
  const auto take_first = [](unsigned n, const H5E_error2_t* error, void* out) -> herr_t {
    if (n == 0 && error->desc != nullptr) *static_cast<std::string*>(out) = error->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_first, &text);
  H5Eclear2(H5E_DEFAULT);
  return text.empty() ? "no description" : text;
}

}  // namespace mebm::engine::hdf5

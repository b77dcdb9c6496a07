#pragma once
// Internal to engine/io: ownership of HDF5 identifiers and the library's error text.

#include <cstdint>
#include <string>

namespace mebm::engine::hdf5 {

// Owns one reference to any kind of HDF5 identifier (hid_t, an int64_t since HDF5 1.10).
class Handle {
 public:
  Handle() = default;
  explicit Handle(std::int64_t id) : id_(id) {}
  ~Handle();
  Handle(Handle&& other) noexcept : id_(other.release()) {}
  Handle& operator=(Handle&& other) noexcept;

  std::int64_t get() const { return id_; }
  explicit operator bool() const { return id_ >= 0; }
  // Gives up ownership.
  std::int64_t release() {
    const std::int64_t id = id_;
    id_ = -1;
    return id;
  }
  // Drops the reference; false where the library reports a failure (a file's last write, for instance).
  bool close();

 private:
  std::int64_t id_ = -1;
};

// Stops the library from printing its errors, from loading filter plug-ins that a file names and from
// following links out of a file.
void prepare_library();

// The innermost description on the library's error stack, which is then cleared.
std::string last_error();

}  // namespace mebm::engine::hdf5

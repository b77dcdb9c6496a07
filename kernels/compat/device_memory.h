#pragma once
// Device memory that frees itself.

#include <cstddef>
#include <utility>

#include "kernels/compat/runtime.h"

namespace mebm::kernels::runtime {

class DeviceMemory {
 public:
  DeviceMemory() = default;
  static Status make(std::size_t bytes, DeviceMemory& out) {
    DeviceMemory made;
    Status status = allocate(bytes, made.memory_);
    if (status.ok()) out = std::move(made);
    return status;
  }
  DeviceMemory(DeviceMemory&& other) noexcept : memory_(std::exchange(other.memory_, nullptr)) {}
  DeviceMemory& operator=(DeviceMemory&& other) noexcept {
    std::swap(memory_, other.memory_);
    return *this;
  }
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
  ~DeviceMemory() {
    if (memory_ != nullptr) runtime::release(memory_);
  }
  void* get() const { return memory_; }

 private:
  void* memory_ = nullptr;
};

}  // namespace mebm::kernels::runtime

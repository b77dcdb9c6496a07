#pragma once
// Device memory of the emulator for tests, and one launch in every order.

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "kernels/core/bfloat16.h"
#include "kernels/core/device_exec.h"

namespace mebm::test {

// A stream of its own and an odd number of multiprocessors.
kernels::DeviceExec emulated_exec(int multiprocessors = 3);

// Device memory holding `elements` values of T, 0xFF bytes at first. The block ends where the memory does, up
// to alignment, so that a kernel that writes past it is caught by the address sanitizer.
class DeviceBytes {
 public:
  explicit DeviceBytes(std::size_t bytes);
  ~DeviceBytes();
  DeviceBytes(const DeviceBytes&) = delete;
  DeviceBytes& operator=(const DeviceBytes&) = delete;
  DeviceBytes(DeviceBytes&& other) noexcept : memory_(other.memory_), bytes_(other.bytes_) {
    other.memory_ = nullptr;
  }
  void* memory() const { return memory_; }
  void upload(const void* from) const;
  void download(void* to) const;
  void poison() const;  // 0xFF bytes again

 private:
  void* memory_ = nullptr;
  std::size_t bytes_ = 0;
};

template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(std::size_t elements) : bytes_(elements * sizeof(T)), elements_(elements) {}
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    bytes_.upload(values.data());
  }
  T* get() const { return static_cast<T*>(bytes_.memory()); }
  std::size_t size() const { return elements_; }
  std::vector<T> values() const {
    std::vector<T> out(elements_);
    bytes_.download(out.data());
    return out;
  }
  void set(const std::vector<T>& values) const { bytes_.upload(values.data()); }
  void poison() const { bytes_.poison(); }

 private:
  DeviceBytes bytes_;
  std::size_t elements_;
};

// Values of stored type T as doubles, and back with one rounding.
template <typename T>
std::vector<double> widened(const std::vector<T>& values) {
  std::vector<double> out;
  for (T value : values) out.push_back(static_cast<double>(kernels::widen(value)));
  return out;
}
template <typename T>
std::vector<T> narrowed(const std::vector<double>& values) {
  std::vector<T> out;
  for (double value : values) out.push_back(kernels::narrow<T>(static_cast<kernels::Arithmetic<T>>(value)));
  return out;
}

// Runs `launch` (which also restores its outputs to their state before) with lanes, warps and blocks in
// ascending and in descending order; fails the test when the Status of either is an error or when `outputs`
// differ in any bit. Returns the outputs as bytes.
std::vector<std::byte> run_in_both_orders(const std::function<kernels::Status()>& launch,
                                          const std::function<std::vector<std::byte>()>& outputs);

template <typename T>
std::vector<std::byte> bytes_of(const std::vector<T>& values) {
  const auto* begin = reinterpret_cast<const std::byte*>(values.data());
  return {begin, begin + values.size() * sizeof(T)};
}

}  // namespace mebm::test

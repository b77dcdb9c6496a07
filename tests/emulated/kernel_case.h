#pragma once
// What the cases of device kernels share: inputs as the kernel sees them, bounds that know about storage, an
// exec with counters, memory that starts off a 16-byte boundary.

#include <gtest/gtest.h>

#include <cmath>
#include <type_traits>
#include <vector>

#include "tests/emulated/device_array.h"
#include "tests/reference/test_data.h"

namespace mebm::test {

// Sizes at which a kernel's tails and vectors meet.
constexpr int kAwkward[] = {1, 31, 33, 257};
// The channel counts of networks of width 1, 2, 3, 5 and 10.
constexpr int kNetworkChannels[] = {16, 32, 48, 64, 80, 96, 128, 160, 192, 320, 640};

// Uniform values as stored T.
template <typename T>
std::vector<T> stored_values(std::size_t count, std::uint32_t seed, double low = -1, double high = 1) {
  return narrowed<T>(reference::random_values(count, seed, low, high));
}

// What one rounding to stored T adds to a bound.
template <typename T>
double storage_roundoff() {
  return std::is_same_v<T, kernels::bfloat16> ? 0x1p-8 : 0;
}

// The bound of a sum of `terms` products in the arithmetic of T (test_data.h), its result stored as T.
template <typename T>
reference::Values stored_sum_bound(const reference::Values& magnitude, double terms,
                                   const reference::Values& expected) {
  reference::Values bound = reference::sum_bound<kernels::Arithmetic<T>>(magnitude, terms);
  for (std::size_t i = 0; i < bound.size(); ++i) bound[i] += storage_roundoff<T>() * std::abs(expected[i]);
  return bound;
}

// An exec whose counters are zero; the destructor expects them zero again.
class ExecWithCounters {
 public:
  explicit ExecWithCounters(int multiprocessors = 3)
      : counters_(std::vector<std::uint32_t>(kernels::DeviceExec::kCounters, 0)),
        exec_(emulated_exec(multiprocessors)) {
    exec_.counters = counters_.get();
  }
  ~ExecWithCounters() {
    for (std::uint32_t counter : counters_.values()) EXPECT_EQ(counter, 0u);
  }
  ExecWithCounters(const ExecWithCounters&) = delete;
  ExecWithCounters& operator=(const ExecWithCounters&) = delete;
  const kernels::DeviceExec& get() const { return exec_; }

 private:
  DeviceArray<std::uint32_t> counters_;
  kernels::DeviceExec exec_;
};

// `values` with `shift` unused values before them: shift 0 starts on a 16-byte boundary, others do not.
template <typename T>
class ShiftedArray {
 public:
  ShiftedArray(std::size_t shift, const std::vector<T>& values)
      : shift_(shift), size_(values.size()), array_(shift + values.size()) {
    set(values);
  }
  T* get() const { return array_.get() + shift_; }
  void set(const std::vector<T>& values) const {
    std::vector<T> all(shift_ + size_);
    std::copy(values.begin(), values.end(), all.begin() + static_cast<std::ptrdiff_t>(shift_));
    array_.set(all);
  }
  void poison() const { array_.poison(); }
  std::vector<T> values() const {
    const std::vector<T> all = array_.values();
    return {all.begin() + static_cast<std::ptrdiff_t>(shift_), all.end()};
  }

 private:
  std::size_t shift_, size_;
  DeviceArray<T> array_;
};

// The values behind the bytes run_in_both_orders() returned.
template <typename T>
std::vector<T> values_of(const std::vector<std::byte>& bytes) {
  std::vector<T> out(bytes.size() / sizeof(T));
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

}  // namespace mebm::test

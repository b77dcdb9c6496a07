#pragma once
// Inputs for tests, comparison against an oracle with a bound per element, and guarded output memory.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "tests/reference/oracle.h"

namespace mebm::reference {

// Uniform in [low, high), rounded to fp32 so that both precisions start from the same numbers.
Values random_values(std::size_t count, std::uint32_t seed, double low = -1, double high = 1);
Values absolute(const Values& values);

template <typename T>
constexpr double kRoundoff = std::numeric_limits<T>::epsilon() / 2.0;

// Rounding bound of a sum of `terms` products in precision T whose absolute values sum to magnitude[i]:
// 6 sqrt(terms + 4) u magnitude. Rounding errors act like independent ones (Higham and Mary, SISC 2019,
// theorem 3.1: exceeded with probability below 2 exp(-18) = 3e-8); a term's own product and conversions are
// the + 4.
template <typename T>
Values sum_bound(const Values& magnitude, double terms) {
  Values bound(magnitude.size());
  for (std::size_t i = 0; i < bound.size(); ++i)
    bound[i] = 6 * std::sqrt(terms + 4) * kRoundoff<T> * magnitude[i];
  return bound;
}

// |actual - expected| <= bound everywhere; the message gives the worst element. NaN never passes.
::testing::AssertionResult within(const Values& actual, const Values& expected, const Values& bound);
// The same with one bound for all.
::testing::AssertionResult within(const Values& actual, const Values& expected, double bound);
// Largest |a - b| over the largest |b| (SPEC's error).
double relative_error(const Values& actual, const Values& expected);

template <typename T>
std::vector<T> to_type(const Values& values) {
  return {values.begin(), values.end()};
}
template <typename T>
Values to_double(std::span<const T> values) {
  return {values.begin(), values.end()};
}

// 64-byte aligned memory with guard words on both sides. Contents start as NaN: a value that was not written,
// or read before it was written, shows.
template <typename T>
class Guarded {
 public:
  explicit Guarded(std::size_t count) : count_(count), memory_(count + 2 * kGuard + 16) {
    const auto address = reinterpret_cast<std::uintptr_t>(memory_.data() + kGuard);
    offset_ = kGuard + ((64 - address % 64) % 64) / sizeof(T);
    std::memset(memory_.data(), kPattern, memory_.size() * sizeof(T));
    std::fill_n(data(), count, std::numeric_limits<T>::quiet_NaN());
  }
  explicit Guarded(const Values& values) : Guarded(values.size()) {
    std::copy(values.begin(), values.end(), data());
  }
  // Vectors may move the memory; a copy aligns anew.
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  T* data() { return memory_.data() + offset_; }
  const T* data() const { return memory_.data() + offset_; }
  std::size_t size() const { return count_; }
  std::span<const T> span() const { return {data(), count_}; }
  Values values() const { return to_double<T>(span()); }
  // True when nothing outside the contents was written.
  bool intact() const {
    const auto* bytes = reinterpret_cast<const unsigned char*>(memory_.data());
    for (std::size_t i = 0; i < memory_.size() * sizeof(T); ++i) {
      const bool inside = i >= offset_ * sizeof(T) && i < (offset_ + count_) * sizeof(T);
      if (!inside && bytes[i] != kPattern) return false;
    }
    return true;
  }
  bool same_bits(const Guarded& other) const {
    return count_ == other.count_ && std::memcmp(data(), other.data(), count_ * sizeof(T)) == 0;
  }

 private:
  static constexpr std::size_t kGuard = 64;
  static constexpr unsigned char kPattern = 0xA5;
  std::size_t count_, offset_;
  std::vector<T> memory_;
};

// Plain [images][channels][pixels] to [images][channels / block][pixels][block]; padding channels hold
// `padding`.
Values to_blocked(int images, int channels, int pixels, int block, const Values& plain, double padding);
Values from_blocked(int images, int channels, int pixels, int block, const Values& blocked);

}  // namespace mebm::reference

#pragma once
// A number known now, or one that work on a device reads when it runs: a captured iteration is launched again
// with other values in its cells.

#include "engine/core/tensor.h"

namespace mebm::engine {

template <typename T>
struct Scalar {
  T value{};
  const Tensor* cell = nullptr;  // one element of T (int32 for a 32-bit unsigned) in device memory

  Scalar() = default;
  Scalar(T number)
      : value(number) {}  // NOLINT(google-explicit-constructor): a plain number is the usual case
  Scalar(T number, const Tensor* where) : value(number), cell(where) {}
};

}  // namespace mebm::engine

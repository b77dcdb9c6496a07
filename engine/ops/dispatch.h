#pragma once
// Calls a function template with the C++ type of a run-time element type.

#include "engine/core/tensor.h"
#include "kernels/core/exec.h"

namespace mebm::engine::ops {

// function.template operator()<float or double>(); any other type is an Error naming the op.
template <typename Function>
decltype(auto) dispatch_float(DType dtype, const char* op, Function&& function) {
  if (dtype == DType::fp32) return function.template operator()<float>();
  require(dtype == DType::fp64, "{}: not implemented for {}", op, name_of(dtype));
  return function.template operator()<double>();
}

// The memory picture of a tensor: N,C,H*W in its layout; a tensor of lower rank counts as [N][D][1].
inline kernels::FeatureMap feature_map(const Tensor& tensor) {
  const Shape& shape = tensor.shape();
  std::int64_t pixels = 1;
  for (int i = 2; i < shape.rank(); ++i) pixels *= shape[i];
  return {shape.rank() > 0 ? shape[0] : 1, shape.rank() > 1 ? shape[1] : 1, pixels,
          channel_block(tensor.layout())};
}

}  // namespace mebm::engine::ops

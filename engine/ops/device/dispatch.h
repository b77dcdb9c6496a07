#pragma once
// Shared by the device side of the ops: the C++ type of an element type, memory pictures, checks.

#include "engine/core/tensor.h"
#include "engine/device/accelerator.h"
#include "engine/device/context.h"

namespace mebm::engine::ops::device {

// function.template operator()<bfloat16, float or double>(); any other type is an Error naming the op.
template <typename Function>
decltype(auto) dispatch(DType dtype, const char* op, Function&& function) {
  if (dtype == DType::bf16) return function.template operator()<kernels::bfloat16>();
  if (dtype == DType::fp32) return function.template operator()<float>();
  require(dtype == DType::fp64, "{}: not implemented for {} on a device", op, name_of(dtype));
  return function.template operator()<double>();
}

// The same without bf16: values of this kind are never narrower than fp32.
template <typename Function>
decltype(auto) dispatch_real(DType dtype, const char* op, Function&& function) {
  if (dtype == DType::fp32) return function.template operator()<float>();
  require(dtype == DType::fp64, "{}: not implemented for {} on a device", op, name_of(dtype));
  return function.template operator()<double>();
}

inline kernels::ChannelsLast channels_last(const Tensor& tensor, const char* op) {
  require(tensor.layout() == Layout::channels_last, "{}: {} is not channels-last", op, tensor.shape());
  return {tensor.extent(0), tensor.extent(2) * tensor.extent(3), tensor.extent(1)};
}

inline bool adds(WriteMode mode) {
  return mode == WriteMode::accumulate;
}

template <typename T>
T* data_or_null(Tensor* tensor) {
  return tensor != nullptr ? tensor->as<T>() : nullptr;
}

inline Tensor scratch(Context& context, std::size_t bytes) {
  return context.empty({static_cast<std::int64_t>(bytes / sizeof(double)) + 1}, DType::fp64);
}

}  // namespace mebm::engine::ops::device

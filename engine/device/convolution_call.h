#pragma once
// A convolution as an op was asked for it: what measures and counts an iteration's convolutions listens to
// these.

#include <functional>

#include "engine/core/dtype.h"
#include "engine/core/shape.h"

namespace mebm::engine {

enum class ConvolutionDirection { forward, backward_data, backward_weights };

struct ConvolutionCall {
  ConvolutionDirection direction = ConvolutionDirection::forward;
  Shape x, weights;  // [N,I,H,W] and [O,I,k,k], whichever of the two is the result
  int stride = 1, padding = 1;
  DType dtype = DType::fp32;  // of x or its gradient
  Layout layout = Layout::plain;
  bool residual = false;  // forward: adds to a tensor of the output's shape

  bool operator==(const ConvolutionCall&) const = default;
};

using ConvolutionObserver = std::function<void(const ConvolutionCall&)>;

}  // namespace mebm::engine

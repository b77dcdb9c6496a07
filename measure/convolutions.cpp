#include "measure/convolutions.h"

#include <algorithm>

#include "engine/ops/batches.h"
#include "engine/ops/convolution.h"
#include "engine/ops/elementwise.h"
#include "measure/timing.h"

namespace mebm::measure {

using engine::Context;
using engine::ConvolutionCall;
using engine::ConvolutionDirection;
using engine::DType;
using engine::Layout;
using engine::Shape;
using engine::Tensor;
using engine::WriteMode;
namespace ops = engine::ops;

namespace {

Shape output_shape(const ConvolutionCall& call) {
  const auto extent = [&](int i) {
    return (call.x[i] + 2 * call.padding - call.weights[2]) / call.stride + 1;
  };
  return {call.x[0], call.weights[0], extent(2), extent(3)};
}

// Listens while it lives.
class Listening {
 public:
  Listening(Context& context, engine::ConvolutionObserver observer) : context_(context) {
    context_.observe_convolutions(std::move(observer));
  }
  ~Listening() { context_.observe_convolutions({}); }
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;

 private:
  Context& context_;
};

// Values of both signs: constant data would let processors clock higher than real data does.
void fill(Context& context, Tensor& tensor) {
  const DType real = tensor.dtype() == DType::fp64 ? DType::fp64 : DType::fp32;
  Tensor values = context.empty(tensor.shape(), real);
  ops::fill_normal(context, engine::PhiloxKey(1), engine::RandomPurpose::sample_fill, 0, 0, 0, values);
  ops::copy(context, values, tensor, WriteMode::overwrite);
}

// What the convolution reads and writes, as it would lie in a network.
struct Operands {
  Tensor x, y, weights, weight_gradient;

  Operands(Context& context, const ConvolutionCall& call) {
    const DType feature = context.feature_type(call.dtype),
                real = call.dtype == DType::fp64 ? DType::fp64 : DType::fp32;
    x = context.empty(call.x, call.dtype, call.layout);
    y = context.empty(output_shape(call), feature, context.feature_layout(call.weights[0], feature));
    weights = context.empty(call.weights, real, context.weight_layout());
    weight_gradient = context.empty(call.weights, call.dtype, context.weight_layout());
    for (Tensor* tensor : {&x, &y, &weights}) fill(context, *tensor);
  }
};

}  // namespace

double ConvolutionUse::multiply_adds() const {
  return static_cast<double>(output_shape(call).elements()) *
         static_cast<double>(call.weights.elements() / call.weights[0]);
}

std::vector<ConvolutionUse> convolutions_of(Context& context, const std::function<void()>& work) {
  std::vector<ConvolutionUse> uses;
  const Listening listening(context, [&](const ConvolutionCall& call) {
    const auto found =
        std::find_if(uses.begin(), uses.end(), [&](const ConvolutionUse& use) { return use.call == call; });
    if (found != uses.end())
      ++found->count;
    else
      uses.push_back({.call = call, .count = 1});
  });
  work();
  return uses;
}

double total_multiply_adds(const std::vector<ConvolutionUse>& uses) {
  double total = 0;
  for (const ConvolutionUse& use : uses) total += static_cast<double>(use.count) * use.multiply_adds();
  return total;
}

double seconds_alone(Context& context, const ConvolutionCall& call, double effort) {
  constexpr int kStretches = 10;
  Operands o(context, call);
  const ops::ConvolutionShape shape{call.stride, call.padding};
  Tensor none;
  const auto run = [&] {
    switch (call.direction) {
      case ConvolutionDirection::forward:
        // A residual that nobody else holds is added to in place, as in a network.
        o.y =
            ops::convolution(context, o.x, o.weights, none, shape, call.residual ? std::move(o.y) : Tensor());
        return;
      case ConvolutionDirection::backward_data:
        ops::convolution_backward_data(context, o.y, o.weights, shape, o.x, WriteMode::overwrite);
        return;
      case ConvolutionDirection::backward_weights:
        ops::convolution_backward_weights(context, o.x, o.y, shape, o.weight_gradient, WriteMode::overwrite,
                                          none, WriteMode::overwrite);
        ops::join(context);
        return;
    }
  };
  const std::vector<double> times = seconds_of_calls(
      context, run, {.stretch = effort / kStretches, .stretches = kStretches, .seconds = effort});
  return *std::min_element(times.begin(), times.end());
}

void measure_alone(Context& context, std::vector<ConvolutionUse>& uses, double effort) {
  for (ConvolutionUse& use : uses) use.seconds = seconds_alone(context, use.call, effort);
}

double floor_seconds(const std::vector<ConvolutionUse>& uses) {
  double total = 0;
  for (const ConvolutionUse& use : uses) total += static_cast<double>(use.count) * use.seconds;
  return total;
}

}  // namespace mebm::measure

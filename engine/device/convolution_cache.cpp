#include "engine/device/convolution_cache.h"

#include <string_view>

#include "engine/device/context.h"
#include "engine/ops/elementwise.h"

namespace mebm::engine {
namespace {

using kernels::conv2d::Direction;
using kernels::conv2d::Params;

std::string_view name_of_direction(Direction direction) {
  switch (direction) {
    case Direction::forward:
      return "forward";
    case Direction::backward_data:
      return "backward_data";
    case Direction::backward_weights:
      return "backward_weights";
  }
  return "?";
}

}  // namespace

std::size_t ConvolutionCache::PlanKeyHash::operator()(const PlanKey& key) const {
  const Params& p = key.params;
  std::size_t hash = static_cast<std::size_t>(key.direction) * 4 + static_cast<std::size_t>(key.dtype);
  for (std::int64_t value :
       {p.images, p.in_channels, p.in_height, p.in_width, p.out_channels, p.out_height, p.out_width, p.kernel,
        p.stride, p.padding, std::int64_t{p.accumulate}, std::int64_t{p.bias_gradient}})
    hash = hash * 1099511628211u + static_cast<std::size_t>(value);
  return hash;
}

const kernels::conv2d::Plan& ConvolutionCache::plan(const Params& params, Direction direction, DType dtype) {
  const PlanKey key{params, direction, dtype};
  if (auto found = plans_.find(key); found != plans_.end()) return *found->second;
  require(dtype == DType::fp32 || dtype == DType::fp64, "conv2d: no CPU convolution for {}", name_of(dtype));
  const auto make = [&](const Params& p) {
    return dtype == DType::fp64
               ? kernels::conv2d::make_gemm_plan(context_.exec(), p, direction)
               : kernels::conv2d::make_cpu_plan(context_.exec(), p, direction,
                                                channel_block(context_.feature_layout(16, dtype)));
  };
  kernels::conv2d::PlanResult result = make(params);
  if (result.plan == nullptr && params.algorithm == kernels::conv2d::Algorithm::winograd)
    fail_input("convolution winograd: {}; use auto or direct", result.error);
  if (result.plan == nullptr)
    fail("conv2d {} {}x{}x{}x{} -> {} channels, kernel {}, stride {}, {} on the CPU: {}",
         name_of_direction(direction), params.images, params.in_channels, params.in_height, params.in_width,
         params.out_channels, params.kernel, params.stride, name_of(dtype), result.error);
  return *plans_.emplace(key, std::move(result.plan)).first->second;
}

const Tensor& ConvolutionCache::prepared(const Tensor& weights, const kernels::conv2d::Plan& plan) {
  Prepared& entry = weights_[{weights.storage_id(), plan.weight_format(), weights.data()}];
  if (entry.valid && entry.version == weights.version()) return entry.tensor;
  if (!entry.tensor.defined()) {
    const auto elements = static_cast<std::int64_t>(
        (plan.prepared_weight_bytes() + size_of(weights.dtype()) - 1) / size_of(weights.dtype()));
    entry.tensor = Tensor(context_.lasting_arena(), {elements}, weights.dtype());
  }
  plan.prepare_weights(weights.data(), entry.tensor.data());
  entry.version = weights.version();
  entry.valid = true;
  ++preparations_;
  return entry.tensor;
}

void ConvolutionCache::forget_prepared(const Tensor& weights, const kernels::conv2d::Plan& plan) {
  if (plan.prepared_weight_bytes() <= weights.bytes()) return;
  const auto found = weights_.find({weights.storage_id(), plan.weight_format(), weights.data()});
  if (found == weights_.end()) return;
  found->second.tensor.reset();
  found->second.valid = false;
}

Tensor ConvolutionCache::narrowed(const Tensor& parameter) {
  const DType feature = context_.feature_type(parameter.dtype());
  if (feature == parameter.dtype()) return parameter;
  Prepared& entry = narrowed_[{parameter.storage_id(), 0, parameter.data()}];
  if (!entry.tensor.defined())
    entry.tensor = Tensor(context_.lasting_arena(), parameter.shape(), feature, parameter.layout());
  if (!entry.valid || entry.version != parameter.version()) {
    ops::copy(context_, parameter, entry.tensor, WriteMode::overwrite);
    entry.version = parameter.version();
    entry.valid = true;
    ++preparations_;
  }
  return entry.tensor;
}

Tensor* ConvolutionCache::narrowed_storage(const Tensor& parameter) {
  const auto found = narrowed_.find({parameter.storage_id(), 0, parameter.data()});
  return found == narrowed_.end() ? nullptr : &found->second.tensor;
}

void ConvolutionCache::narrowed_written(const Tensor& parameter) {
  if (const auto found = narrowed_.find({parameter.storage_id(), 0, parameter.data()});
      found != narrowed_.end())
    found->second.version = parameter.version();
}

}  // namespace mebm::engine

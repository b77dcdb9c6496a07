#pragma once
// Convolution plans by shape, and weights in the plans' private formats, made again only when the weights
// change.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "engine/core/tensor.h"
#include "kernels/conv2d/conv2d.h"

namespace mebm::engine {

class Context;

class ConvolutionCache {
 public:
  explicit ConvolutionCache(Context& context) : context_(context) {}

  const kernels::conv2d::Plan& plan(const kernels::conv2d::Params& params,
                                    kernels::conv2d::Direction direction, DType dtype);
  // `weights` (plain O,I,kh,kw) in the plan's format; prepared once per version of the weights.
  const Tensor& prepared(const Tensor& weights, const kernels::conv2d::Plan& plan);
  // The weights will change before they are wanted in the plan's format again: gives back the memory of a
  // format that takes more than the weights themselves (Winograd's). Nothing else depends on it.
  void forget_prepared(const Tensor& weights, const kernels::conv2d::Plan& plan);

  // On a device: a parameter in the feature type, made again once per version of the parameter; the parameter
  // itself where the types are equal.
  Tensor narrowed(const Tensor& parameter);
  // The memory of that copy, null where nobody has asked for one; whoever writes it with the parameter says
  // so with narrowed_written(), after the parameter's version was raised.
  Tensor* narrowed_storage(const Tensor& parameter);
  void narrowed_written(const Tensor& parameter);

  std::size_t plan_count() const { return plans_.size(); }
  std::uint64_t preparations() const { return preparations_; }

 private:
  struct PlanKey {
    kernels::conv2d::Params params;
    kernels::conv2d::Direction direction;
    DType dtype;
    bool operator==(const PlanKey&) const = default;
  };
  struct PlanKeyHash {
    std::size_t operator()(const PlanKey& key) const;
  };
  struct WeightKey {
    std::uint64_t storage, format;
    const void* data;  // tells views of one storage apart
    bool operator==(const WeightKey&) const = default;
  };
  struct WeightKeyHash {
    std::size_t operator()(const WeightKey& key) const {
      return key.storage * 0x9E3779B97F4A7C15u ^ key.format;
    }
  };
  struct Prepared {
    Tensor tensor;
    std::uint32_t version = 0;
    bool valid = false;
  };

  Context& context_;
  std::unordered_map<PlanKey, std::unique_ptr<kernels::conv2d::Plan>, PlanKeyHash> plans_;
  std::unordered_map<WeightKey, Prepared, WeightKeyHash> weights_;
  std::unordered_map<WeightKey, Prepared, WeightKeyHash> narrowed_;
  std::uint64_t preparations_ = 0;
};

}  // namespace mebm::engine

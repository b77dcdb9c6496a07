#pragma once
// A batch-norm layer fused with the LeakyReLU that follows it: affine parameters, running statistics, and the
// slots passes leave their batch statistics in.

#include <string>
#include <vector>

#include "autograd/ops/layers.h"
#include "models/energy_model.h"

namespace mebm::models {

class BatchNorm {
 public:
  struct Options {
    double momentum = 0.9;  // weight of the new statistics, PyTorch's convention
    double eps = 1e-5;
    double leak = 0.2;
  };

  // Names are `<prefix>.weight`, `.bias`, `.running_mean`, `.running_var`, `.num_batches_tracked`.
  BatchNorm(engine::Context& context, std::string prefix, std::int64_t channels, engine::DType dtype,
            const Options& options);

  autograd::Variable forward(autograd::Tape& tape, const autograd::Variable& x, const Pass& pass);

  // Room for the statistics of `slots` passes, kept.
  void reserve_statistics(int slots);
  // For engine::ops::fold_statistics of slots 0 ... slots - 1, over all layers at once; counts them as
  // tracked. Every slot must have been recorded since the last call.
  engine::ops::FoldedLayer folded(int slots);

  const std::string& prefix() const { return prefix_; }
  autograd::Parameter gamma, beta;
  engine::Tensor running_mean, running_variance;  // [C]
  std::int64_t batches_tracked = 0;

 private:
  void mark_recorded(const Pass& pass);

  engine::Context* context_;
  std::string prefix_;
  Options options_;
  engine::Tensor slot_mean_, slot_variance_;  // fp64 [slots, C]
  std::vector<bool> recorded_;                // [slots] since the last fold
};

}  // namespace mebm::models

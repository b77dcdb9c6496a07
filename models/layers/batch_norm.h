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

  void reserve_statistics(int slots) { slots_.resize(static_cast<std::size_t>(slots)); }
  void fold_statistics(int slots);

  const std::string& prefix() const { return prefix_; }
  autograd::Parameter gamma, beta;
  engine::Tensor running_mean, running_variance;  // [C]
  std::int64_t batches_tracked = 0;

 private:
  struct SlotStatistics {
    std::vector<double> mean, unbiased_variance;  // [C]; empty: not recorded
  };

  void record(const engine::Tensor& mean, const engine::Tensor& variance, std::int64_t pixels,
              const Pass& pass);

  std::string prefix_;
  Options options_;
  std::vector<SlotStatistics> slots_;
};

}  // namespace mebm::models

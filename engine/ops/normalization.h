#pragma once
// Batch-norm with groups of rows, fused with LeakyReLU; LeakyReLU alone. Formulas:
// kernels/batch_norm/batch_norm.h.

#include <array>
#include <span>

#include "engine/device/context.h"

namespace mebm::engine::ops {

// Consecutive ranges of rows, each normalised by itself. Together they cover the batch.
struct RowGroups {
  static constexpr int kMaxGroups = 8;

  std::array<std::int64_t, kMaxGroups> counts{};
  int count = 0;

  static RowGroups single(std::int64_t rows) { return {{rows}, 1}; }
  void add(std::int64_t rows) {
    require(count < kMaxGroups, "a batch has at most {} groups", kMaxGroups);
    counts[static_cast<std::size_t>(count++)] = rows;
  }
  std::int64_t rows() const {
    std::int64_t sum = 0;
    for (int g = 0; g < count; ++g) sum += counts[static_cast<std::size_t>(g)];
    return sum;
  }
};

struct BatchNormForward {
  Tensor output;        // x's shape and layout
  Tensor coefficients;  // [4, groups * C]: mean, 1/sqrt(variance + eps), scale, shift; for the backward
};

// Where a pass leaves its batch statistics: group g writes row slot[g] of both tensors, fp64 [slots, C].
struct StatisticsSlots {
  static constexpr int kNotRecorded = -1;

  std::array<int, RowGroups::kMaxGroups> slot;
  Tensor* mean = nullptr;
  Tensor* unbiased_variance = nullptr;

  StatisticsSlots() { slot.fill(kNotRecorded); }
};

// Statistics of the batch itself, per group.
BatchNormForward batch_norm_leaky_relu(Context& context, const Tensor& x, const Tensor& gamma,
                                       const Tensor& beta, const RowGroups& groups, double eps, double leak,
                                       const StatisticsSlots& slots = {});

// Given statistics (running mode): mean, variance [C].
BatchNormForward batch_norm_leaky_relu_given(Context& context, const Tensor& x, const Tensor& gamma,
                                             const Tensor& beta, const Tensor& mean, const Tensor& variance,
                                             double eps, double leak);

// The output of either form once more, the same bits, from its input and coefficients; on the CPU.
// from_batch: of the first form.
Tensor batch_norm_leaky_relu_again(Context& context, const Tensor& x, const Tensor& coefficients,
                                   const RowGroups& groups, double leak, bool from_batch);

struct BatchNormGradients {
  Tensor* dx = nullptr;  // null: not wanted
  WriteMode dx_mode = WriteMode::overwrite;
  Tensor* dgamma = nullptr;
  WriteMode dgamma_mode = WriteMode::overwrite;
  Tensor* dbeta = nullptr;
  WriteMode dbeta_mode = WriteMode::overwrite;
};

// Backward of either form. through_statistics: the batch form, whose statistics depend on x.
void batch_norm_leaky_relu_backward(Context& context, const Tensor& x, const Tensor& coefficients,
                                    const Tensor& doutput, const RowGroups& groups, double leak,
                                    bool through_statistics, const BatchNormGradients& gradients);

// The slots of one layer and its running statistics [C].
struct FoldedLayer {
  const Tensor *mean, *unbiased_variance;
  Tensor *running_mean, *running_variance;
};

// running = (1 - momentum) running + momentum new for slots 0 ... slots - 1 in this order, in fp64, rounded
// once.
void fold_statistics(Context& context, std::span<const FoldedLayer> layers, int slots, double momentum);

Tensor leaky_relu(Context& context, const Tensor& x, double leak);
void leaky_relu_backward(Context& context, const Tensor& x, const Tensor& doutput, double leak, Tensor& dx,
                         WriteMode mode);

}  // namespace mebm::engine::ops

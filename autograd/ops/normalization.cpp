#include "engine/ops/normalization.h"

#include "autograd/ops/layers.h"
#include "engine/ops/elementwise.h"

namespace mebm::autograd {
namespace {

using engine::Tensor;
using engine::WriteMode;
namespace ops = engine::ops;

// Inputs: x, gamma, beta. Saved: x, coefficients.
struct BatchNormAttributes {
  ops::RowGroups groups;
  double leak;
  bool through_statistics;
};

void batch_norm_backward(BackwardContext& b) {
  const auto a = b.attributes<BatchNormAttributes>();
  ops::BatchNormGradients gradients;
  const auto want = [&](std::size_t input, Tensor*& tensor, WriteMode& mode) {
    if (!b.needs(input)) return;
    const GradTarget target = b.target(input);
    tensor = target.tensor;
    mode = target.mode;
  };
  want(0, gradients.dx, gradients.dx_mode);
  want(1, gradients.dgamma, gradients.dgamma_mode);
  want(2, gradients.dbeta, gradients.dbeta_mode);
  ops::batch_norm_leaky_relu_backward(b.context(), b.saved(0), b.saved(1), b.gradient(), a.groups, a.leak,
                                      a.through_statistics, gradients);
}

const Operation kBatchNorm{"batch_norm_leaky_relu", batch_norm_backward, nullptr,
                           [](engine::Context& context, const Node& node) {
                             const auto a = node.get<BatchNormAttributes>();
                             return ops::batch_norm_leaky_relu_again(context, node.saved_variable(0).value,
                                                                     node.saved_variable(1).value, a.groups,
                                                                     a.leak, a.through_statistics);
                           }};

}  // namespace

Variable batch_norm_leaky_relu(Tape& tape, const Variable& x, const Variable& gamma, const Variable& beta,
                               const NormStatistics& statistics, const ops::RowGroups& groups, double eps,
                               double leak) {
  ops::BatchNormForward forward =
      statistics.from_batch
          ? ops::batch_norm_leaky_relu(tape.context(), x.value, gamma.value, beta.value, groups, eps, leak,
                                       statistics.slots)
          : ops::batch_norm_leaky_relu_given(tape.context(), x.value, gamma.value, beta.value,
                                             statistics.running_mean, statistics.running_variance, eps, leak);
  Variable out{std::move(forward.output)};
  if (Node* node = tape.record(kBatchNorm, {x.slot, gamma.slot, beta.slot}, out)) {
    node->set(BatchNormAttributes{groups, leak, statistics.from_batch});
    node->save(x);
    node->save({std::move(forward.coefficients)});
  }
  return out;
}

}  // namespace mebm::autograd

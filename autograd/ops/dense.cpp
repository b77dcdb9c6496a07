#include "engine/ops/dense.h"

#include "autograd/ops/layers.h"
#include "engine/ops/elementwise.h"

namespace mebm::autograd {
namespace {

using engine::Tensor;
namespace ops = engine::ops;

const Operation kPool{"global_average_pool",
                      [](BackwardContext& b) {
                        const GradTarget to = b.target(0);
                        ops::global_average_pool_backward(b.context(), b.gradient(), *to.tensor, to.mode);
                      },
                      nullptr};

// Inputs: x, weights, bias. Saved: x, weights.
const Operation kLinear{"linear",
                        [](BackwardContext& b) {
                          if (b.needs(0)) {
                            const GradTarget dx = b.target(0);
                            ops::linear_backward_input(b.context(), b.gradient(), b.saved(1), *dx.tensor,
                                                       dx.mode);
                          }
                          const GradTarget none{nullptr, engine::WriteMode::overwrite};
                          const GradTarget dw = b.needs(1) ? b.target(1) : none;
                          const GradTarget db = b.needs(2) ? b.target(2) : none;
                          ops::linear_backward_weights(b.context(), b.saved(0), b.gradient(), dw.tensor,
                                                       dw.mode, db.tensor, db.mode);
                        },
                        nullptr};

const Operation kLogSumExp{"logsumexp",
                           [](BackwardContext& b) {
                             const GradTarget to = b.target(0);
                             ops::logsumexp_backward(b.context(), b.saved(0), b.gradient(), *to.tensor,
                                                     to.mode);
                           },
                           nullptr};

// Saved: labels.
const Operation kGatherClass{"gather_class",
                             [](BackwardContext& b) {
                               const GradTarget to = b.target(0);
                               ops::gather_class_backward(b.context(), b.saved(0), b.gradient(), *to.tensor,
                                                          to.mode);
                             },
                             nullptr};

// Saved: logits, labels.
const Operation kCrossEntropy{"cross_entropy",
                              [](BackwardContext& b) {
                                const GradTarget to = b.target(0);
                                ops::cross_entropy_backward(b.context(), b.saved(0), b.saved(1), b.gradient(),
                                                            *to.tensor, to.mode);
                              },
                              nullptr};

}  // namespace

Variable global_average_pool(Tape& tape, const Variable& x) {
  Variable out{ops::global_average_pool(tape.context(), x.value)};
  tape.record(kPool, {x.slot}, out);
  return out;
}

Variable linear(Tape& tape, const Variable& x, const Variable& weights, const Variable& bias) {
  Variable out{ops::linear(tape.context(), x.value, weights.value, bias.value)};
  if (Node* node = tape.record(kLinear, {x.slot, weights.slot, bias.slot}, out)) {
    node->save(x);
    node->save(weights);
  }
  return out;
}

Variable logsumexp(Tape& tape, const Variable& logits) {
  Variable out{ops::logsumexp(tape.context(), logits.value)};
  if (Node* node = tape.record(kLogSumExp, {logits.slot}, out)) node->save(logits);
  return out;
}

Variable gather_class(Tape& tape, const Variable& logits, const Tensor& labels) {
  Variable out{ops::gather_class(tape.context(), logits.value, labels)};
  if (Node* node = tape.record(kGatherClass, {logits.slot}, out)) node->save({labels});
  return out;
}

Variable cross_entropy(Tape& tape, const Variable& logits, const Tensor& labels) {
  Variable out{ops::cross_entropy(tape.context(), logits.value, labels)};
  if (Node* node = tape.record(kCrossEntropy, {logits.slot}, out)) {
    node->save(logits);
    node->save({labels});
  }
  return out;
}

}  // namespace mebm::autograd

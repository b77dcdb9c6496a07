#include "engine/ops/optimizer.h"

#include <vector>

#include "engine/device/convolution_cache.h"
#include "engine/ops/device/ops.h"
#include "engine/ops/dispatch.h"
#include "kernels/sgd_step/sgd_step.h"

namespace mebm::engine::ops {

void sgd_step(Context& context, const Scalar<double>& learning_rate, double momentum, double weight_decay,
              std::span<const SgdTensors> tensors) {
  if (tensors.empty()) return;
  if (context.on_device()) {
    device::sgd_step(context, learning_rate, momentum, weight_decay, tensors);
    for (const SgdTensors& t : tensors) {
      t.weight->bump_version();
      context.convolutions().narrowed_written(*t.weight);
    }
    return;
  }
  dispatch_float(tensors.front().weight->dtype(), "sgd_step", [&]<typename T>() {
    std::vector<kernels::sgd_step::Group<T>> groups;
    groups.reserve(tensors.size());
    for (const SgdTensors& t : tensors) {
      require(t.weight->shape() == t.velocity->shape() &&
                  (t.gradient == nullptr || t.weight->shape() == t.gradient->shape()),
              "sgd_step: weight {}, velocity {} and gradient {} must be alike", t.weight->shape().text(),
              t.velocity->shape().text(), t.gradient == nullptr ? "zero" : t.gradient->shape().text());
      groups.push_back({t.weight->as<T>(), t.velocity->as<T>(),
                        t.gradient == nullptr ? nullptr : t.gradient->as<T>(), t.weight->elements()});
    }
    kernels::sgd_step::step<T>(context.exec(), {learning_rate.value, momentum, weight_decay}, groups.data(),
                               static_cast<std::int64_t>(groups.size()));
  });
  for (const SgdTensors& t : tensors) t.weight->bump_version();
}

}  // namespace mebm::engine::ops

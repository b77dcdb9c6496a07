#include "engine/ops/optimizer.h"

#include <new>

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
    using Group = kernels::sgd_step::Group<T>;
    const auto count = static_cast<std::int64_t>(tensors.size());
    Tensor memory = context.empty({count * static_cast<std::int64_t>(sizeof(Group))}, DType::uint8);
    auto* const groups = static_cast<Group*>(memory.data());
    for (std::int64_t i = 0; i < count; ++i) {
      const SgdTensors& t = tensors[static_cast<std::size_t>(i)];
      const Shape& gradient = t.gradient == nullptr ? t.weight->shape() : t.gradient->shape();
      require(t.weight->shape() == t.velocity->shape() && t.weight->shape() == gradient,
              "sgd_step: weight {}, velocity {} and gradient {} must be alike", t.weight->shape(),
              t.velocity->shape(), gradient);
      new (groups + i) Group{t.weight->as<T>(), t.velocity->as<T>(),
                             t.gradient == nullptr ? nullptr : t.gradient->as<T>(), t.weight->elements()};
    }
    kernels::sgd_step::step<T>(context.exec(), {learning_rate.value, momentum, weight_decay}, groups, count);
  });
  for (const SgdTensors& t : tensors) t.weight->bump_version();
}

}  // namespace mebm::engine::ops

#include "engine/ops/optimizer.h"

#include <algorithm>
#include <vector>

#include "engine/device/convolution_cache.h"
#include "engine/ops/device/dispatch.h"
#include "engine/ops/device/ops.h"
#include "kernels/sgd_step/sgd_step.h"

namespace mebm::engine::ops::device {

// With bf16 features the copies convolutions read are written in the same launch.
void sgd_step(Context& context, const Scalar<double>& learning_rate, double momentum, double weight_decay,
              std::span<const SgdTensors> tensors) {
  Accelerator& device = context.accelerator();
  require(learning_rate.cell != nullptr, "sgd_step: a device reads the learning rate from a cell");
  const DType feature = context.feature_type(tensors.front().weight->dtype());
  dispatch(feature, "sgd_step", [&]<typename T>() {
    using Real = kernels::Arithmetic<T>;
    using Group = kernels::sgd_step::device::Group<T>;
    std::vector<Group> groups;
    std::int64_t max_count = 0;
    kernels::runtime::Accesses memory;
    for (const SgdTensors& t : tensors) {
      Tensor* narrow = feature == DType::bf16 ? context.convolutions().narrowed_storage(*t.weight) : nullptr;
      // bf16 weight gradients are read as the convolution wrote them.
      const bool zero = t.gradient == nullptr, narrow_gradient = !zero && t.gradient->dtype() == DType::bf16;
      groups.push_back({t.weight->as<Real>(), t.velocity->as<Real>(),
                        narrow_gradient ? t.gradient->as<T>() : nullptr,
                        zero || narrow_gradient ? nullptr : t.gradient->as<Real>(), data_or_null<T>(narrow),
                        t.weight->elements()});
      const Group& added = groups.back();
      memory.read(added.gradient, added.count).read(added.gradient_master, added.count);
      memory.read(added.weight, added.count).read(added.velocity, added.count);
      memory.write(added.weight, added.count).write(added.velocity, added.count);
      memory.write(added.copy, added.count);
      max_count = std::max(max_count, added.count);
    }
    const void* table = device.table(groups.data(), groups.size() * sizeof(Group));
    check(kernels::sgd_step::device::step<T>(
        device.exec(), {0, momentum, weight_decay}, learning_rate.cell->as<double>(),
        static_cast<const Group*>(table), static_cast<int>(groups.size()), max_count, memory));
  });
}

}  // namespace mebm::engine::ops::device

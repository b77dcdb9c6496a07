#include "engine/ops/peers.h"

#include "engine/device/accelerator.h"
#include "kernels/peers/curand_peer.h"

namespace mebm::engine::ops {

bool has_curand() {
  return kernels::peers::has_curand();
}

void curand_philox(Context& context, const Tensor& inputs, Tensor& ours, Tensor& theirs) {
  const std::int64_t n = inputs.extent(0);
  require(inputs.elements() == 6 * n && ours.elements() == 4 * n && theirs.elements() == 4 * n,
          "curand_philox: inputs {}, outputs {} and {}", inputs.shape(), ours.shape(), theirs.shape());
  ours.bump_version();
  theirs.bump_version();
  check(kernels::peers::curand_philox(
      context.accelerator().exec(), n, reinterpret_cast<const std::uint32_t*>(inputs.as<int>()),
      reinterpret_cast<std::uint32_t*>(ours.as<int>()), reinterpret_cast<std::uint32_t*>(theirs.as<int>())));
}

void curand_normal(Context& context, std::uint64_t seed, Tensor& out) {
  out.bump_version();
  check(kernels::peers::curand_normal(context.accelerator().exec(), out.elements(), seed, out.as<float>()));
}

}  // namespace mebm::engine::ops

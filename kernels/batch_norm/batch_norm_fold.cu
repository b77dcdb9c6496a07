#include "kernels/batch_norm/batch_norm.h"
#include "kernels/compat/cuda.h"

namespace mebm::kernels::batch_norm::device {
namespace {

// One thread per channel, one row of blocks per layer.
template <typename Real>
__global__ void fold_kernel(const FoldLayer<Real>* layers, int slots, double momentum) {
  const FoldLayer<Real> layer = layers[blockIdx.y];
  const std::int64_t channel = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (channel >= layer.channels) return;
  double mean = static_cast<double>(layer.running_mean[channel]);
  double variance = static_cast<double>(layer.running_variance[channel]);
  for (int slot = 0; slot < slots; ++slot) {
    const std::int64_t at = slot * layer.channels + channel;
    mean = (1 - momentum) * mean + momentum * layer.mean[at];
    variance = (1 - momentum) * variance + momentum * layer.unbiased_variance[at];
  }
  layer.running_mean[channel] = static_cast<Real>(mean);
  layer.running_variance[channel] = static_cast<Real>(variance);
}

}  // namespace

template <typename Real>
Status fold_statistics(const DeviceExec& exec, const FoldLayer<Real>* layers, int layer_count,
                       std::int64_t max_channels, int slots, double momentum,
                       const runtime::Accesses& arrays) {
  if (layer_count == 0 || max_channels == 0 || slots == 0) return {};
  const LaunchShape shape{.name = "batch_norm_fold_statistics",
                          .sizes = std::to_string(layer_count) + " layers, " + std::to_string(max_channels) +
                                   " channels, " + std::to_string(slots) + " slots",
                          .grid_x = blocks_for(max_channels, 128),
                          .grid_y = static_cast<std::uint32_t>(layer_count),
                          .block = 128};
  runtime::Accesses accesses = arrays;
  accesses.read(layers, layer_count);
  return launch(exec, shape, accesses, fold_kernel<Real>, layers, slots, momentum);
}

#define MEBM_INSTANTIATE(Real)                                                                             \
  template Status fold_statistics<Real>(const DeviceExec&, const FoldLayer<Real>*, int, std::int64_t, int, \
                                        double, const runtime::Accesses&);
MEBM_FOR_REAL_TYPES(MEBM_INSTANTIATE)

}  // namespace mebm::kernels::batch_norm::device

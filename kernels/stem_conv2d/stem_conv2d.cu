// Forward. A thread computes kTile pixels of one row x kChannels channels: one 16-byte weight read serves
// kTile pixels, one store of kChannels channels is whole.

#include "kernels/stem_conv2d/stem_conv2d.h"

#include "kernels/compat/cuda.h"
#include "kernels/stem_conv2d/stem_tile.h"

namespace mebm::kernels::stem_conv2d::device {
namespace {

// weights [out][3][3][in] -> [in][3][3][out]
template <typename A>
__device__ __forceinline__ void stage_weights(const Params& params, const A* __restrict__ w, A* weights) {
  const int in = static_cast<int>(params.in_channels), out = static_cast<int>(params.out_channels);
  for (int k = static_cast<int>(threadIdx.x); k < out * kTaps * in; k += static_cast<int>(blockDim.x)) {
    const int o = k / (kTaps * in), rest = k - o * kTaps * in;
    const int tap = rest / in, i = rest - tap * in;
    weights[(i * kTaps + tap) * out + o] = w[k];
  }
}

template <typename A>
__device__ __forceinline__ void multiply_row(const A* weights, int out, const A window[kTile + 2],
                                             A sum[kTile][kChannels]) {
  for (int s = 0; s < 3; ++s) {
    A weight[kChannels];
    load_wide<kChannels>(weights + s * out, weight);
    for (int q = 0; q < kTile; ++q)
      for (int c = 0; c < kChannels; ++c) sum[q][c] += window[q + s] * weight[c];
  }
}

template <typename T>
__global__ void forward_kernel(Params params, std::uint32_t blocks_per_image,
                               const Arithmetic<T>* __restrict__ x, const Arithmetic<T>* __restrict__ w,
                               const Arithmetic<T>* __restrict__ bias, T* __restrict__ y) {
  using A = Arithmetic<T>;
  MEBM_SHARED_ARRAY(A, weights, kTaps * kMaxInChannels * kMaxOutChannels);
  stage_weights(params, w, weights);
  __syncthreads();
  const int height = static_cast<int>(params.height), width = static_cast<int>(params.width);
  const int in = static_cast<int>(params.in_channels), out = static_cast<int>(params.out_channels);
  const std::uint32_t image = blockIdx.x / blocks_per_image;
  const std::uint32_t item = (blockIdx.x - image * blocks_per_image) * blockDim.x + threadIdx.x;
  const Tile tile = tile_of(item, static_cast<std::uint32_t>(out / kChannels), params.width);
  if (tile.row >= height) return;
  const int channel = tile.inner * kChannels;

  A sum[kTile][kChannels] = {};
  for (int c = 0; c < kChannels; ++c) {
    const A start = bias != nullptr ? bias[channel + c] : A(0);
    for (int q = 0; q < kTile; ++q) sum[q][c] = start;
  }
  for (int i = 0; i < in; ++i)
    for (int r = 0; r < 3; ++r) {
      const int h = tile.row + r - 1;
      if (h < 0 || h >= height) continue;
      const A* const line = x + ((std::int64_t{image} * in + i) * height + h) * width;
      A window[kTile + 2];
      for (int k = 0; k < kTile + 2; ++k) {
        const int column = tile.column + k - 1;
        window[k] = column >= 0 && column < width ? line[column] : A(0);
      }
      multiply_row(weights + (i * kTaps + 3 * r) * out + channel, out, window, sum);
    }
  T* const to = y + ((std::int64_t{image} * height + tile.row) * width + tile.column) * out + channel;
  for (int q = 0; q < kTile; ++q)
    if (tile.column + q < width) store_wide<kChannels>(to + std::int64_t{q} * out, sum[q]);
}

}  // namespace

template <typename T>
Status forward(const DeviceExec& exec, const Params& params, const Arithmetic<T>* x, const Arithmetic<T>* w,
               const Arithmetic<T>* bias, T* y) {
  if (params.images * params.height * params.width == 0) return {};
  if (std::string problem = problem_of("stem_conv2d forward", params); !problem.empty())
    return Status(std::move(problem));
  const TileGrid grid = tile_grid(params, params.out_channels / kChannels);
  const LaunchShape shape{.name = "stem_conv2d forward",
                          .sizes = sizes_text(params),
                          .grid_x = grid.blocks,
                          .block = kTileBlock,
                          .cooperates = true};
  const std::int64_t pixels = params.images * params.height * params.width;
  runtime::Accesses accesses;
  accesses.read(x, pixels * params.in_channels).read(w, params.out_channels * kTaps * params.in_channels);
  accesses.read(bias, params.out_channels).write(y, pixels * params.out_channels);
  return launch(exec, shape, accesses, forward_kernel<T>, params, grid.per_image, x, w, bias, y);
}

#define MEBM_INSTANTIATE(T)                                                                                \
  template Status forward<T>(const DeviceExec&, const Params&, const Arithmetic<T>*, const Arithmetic<T>*, \
                             const Arithmetic<T>*, T*);
MEBM_FOR_DEVICE_TYPES(MEBM_INSTANTIATE)

}  // namespace mebm::kernels::stem_conv2d::device

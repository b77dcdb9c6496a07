// The gradient of the image, written, or used at once for a Langevin step. A thread computes kTile pixels of
// one row in every input channel: the four elements of a channel share one Philox call.

#include "kernels/compat/cuda.h"
#include "kernels/langevin_step/langevin_step_math.h"
#include "kernels/random_normal/normal_math.h"
#include "kernels/stem_conv2d/stem_conv2d.h"
#include "kernels/stem_conv2d/stem_tile.h"

namespace mebm::kernels::stem_conv2d::device {
namespace {

constexpr int kPadded = 4;  // weights of an output channel and tap: kIn of them, then zeros

// weights [out][3][3][kIn] -> [3][3][out][kPadded]
template <int kIn, typename A>
__device__ __forceinline__ void stage_weights(int out, const A* __restrict__ w, A* weights) {
  for (int k = static_cast<int>(threadIdx.x); k < out * kTaps * kPadded; k += static_cast<int>(blockDim.x)) {
    const int i = k % kPadded, o = k / kPadded % out, tap = k / kPadded / out;
    weights[k] = i < kIn ? w[(o * kTaps + tap) * kIn + i] : A(0);
  }
}

// sum[i][q] += the products of one row of taps with some channels of dy's columns column - 1 ... column +
// kTile. weights: tap 0, first of these channels.
template <int kIn, typename T>
__device__ __forceinline__ void multiply_columns(const Arithmetic<T>* weights, int out,
                                                 const Vector<T> dy[kTile + 2],
                                                 Arithmetic<T> sum[kIn][kTile]) {
  using A = Arithmetic<T>;
  for (int c = 0; c < Vector<T>::kSize; ++c)
    for (int s = 0; s < 3; ++s) {
      A weight[kPadded];
      load_wide<kPadded>(weights + (s * out + c) * kPadded, weight);
      for (int q = 0; q < kTile; ++q) {
        const A value = widen(dy[q - s + 2].value[c]);
        for (int i = 0; i < kIn; ++i) sum[i][q] += weight[i] * value;
      }
    }
}

// The gradient of the tile's pixels; dy: the image's.
template <int kIn, typename T>
__device__ __forceinline__ void tile_gradient(const Params& params, const Tile& tile,
                                              const Arithmetic<T>* weights, const T* __restrict__ dy,
                                              Arithmetic<T> sum[kIn][kTile]) {
  constexpr int kSize = Vector<T>::kSize;
  const int height = static_cast<int>(params.height), width = static_cast<int>(params.width);
  const int out = static_cast<int>(params.out_channels);
  for (int r = 0; r < 3; ++r) {
    const int h = tile.row - r + 1;
    if (h < 0 || h >= height) continue;
    for (int o = 0; o < out; o += kSize) {
      Vector<T> columns[kTile + 2];
      for (int k = 0; k < kTile + 2; ++k) {
        const int column = tile.column + k - 1;
        columns[k] = Vector<T>{};
        if (column >= 0 && column < width) columns[k] = load_vector(dy + (h * width + column) * out + o);
      }
      multiply_columns<kIn, T>(weights + (3 * r * out + o) * kPadded, out, columns, sum);
    }
  }
}

// The normals of elements first ... first + 3 of a chain, as langevin_step draws them.
template <typename A>
__device__ __forceinline__ void tile_normals(const langevin_step::Params& langevin, std::uint32_t image,
                                             std::uint32_t first, A normals[4]) {
  const std::uint32_t iteration =
      langevin.iteration_cell != nullptr ? *langevin.iteration_cell : langevin.iteration;
  const std::uint32_t shift = first % 4;
  const auto draw = [&](std::uint32_t group, A to[4]) {
    normals_from_words(random_words(langevin.key, langevin.purpose, iteration, langevin.first_slot + image,
                                    langevin.step, group),
                       to);
  };
  A group[8] = {};
  draw(first / 4, group);
  if (shift != 0) draw(first / 4 + 1, group + 4);
  // Shifts by one and by two instead of an index known only at run time: the array stays in registers.
  for (int i = 0; i < 6; ++i) group[i] = shift % 2 != 0 ? group[i + 1] : group[i];
  for (int i = 0; i < 4; ++i) normals[i] = shift >= 2 ? group[i + 2] : group[i];
}

struct Store {
  bool accumulate;

  MEBM_HOST_DEVICE bool needs_x() const { return accumulate; }
  template <typename A>
  __device__ __forceinline__ void apply(std::uint32_t, std::uint32_t, const A gradient[kTile],
                                        A dx[kTile]) const {
    for (int q = 0; q < kTile; ++q) dx[q] = accumulate ? dx[q] + gradient[q] : gradient[q];
  }
};

struct Step {
  langevin_step::Params langevin;

  MEBM_HOST_DEVICE bool needs_x() const { return true; }
  template <typename A>
  __device__ __forceinline__ void apply(std::uint32_t image, std::uint32_t first, const A gradient[kTile],
                                        A x[kTile]) const {
    A normals[kTile] = {};
    if (langevin.noise != 0) tile_normals(langevin, image, first, normals);
    const A size = static_cast<A>(langevin.step_size), noise = static_cast<A>(langevin.noise);
    const A gradient_bound = static_cast<A>(langevin.gradient_clamp),
            pixel_bound = static_cast<A>(langevin.pixel_clamp);
    for (int q = 0; q < kTile; ++q)
      x[q] = langevin_step::update(x[q], gradient[q], rounded_product(noise, normals[q]), size,
                                   gradient_bound, pixel_bound);
  }
};

// The `count` pixels of a tile; wide: kTile of them, at a 16-byte boundary.
template <typename A>
__device__ __forceinline__ void load_tile(const A* from, int count, bool wide, A (&tile)[kTile]) {
  if (wide) {
    load_wide<kTile>(from, tile);
  } else {
    for (int q = 0; q < kTile; ++q) tile[q] = q < count ? from[q] : A(0);
  }
}
template <typename A>
__device__ __forceinline__ void store_tile(A* to, int count, bool wide, const A (&tile)[kTile]) {
  if (wide) {
    store_wide<kTile>(to, tile);
  } else {
    for (int q = 0; q < kTile; ++q)
      if (q < count) to[q] = tile[q];
  }
}

// What `use` makes of the gradient goes to x, the image's. Channels kChannel and up, by recursion: every
// index into the gradient is a constant, and it stays in registers.
template <int kChannel, int kIn, typename Use, typename A>
__device__ __forceinline__ void use_channels(const Params& params, const Use& use, std::uint32_t image,
                                             const Tile& tile, bool wide, const A gradient[kIn][kTile],
                                             A* x) {
  const int height = static_cast<int>(params.height), width = static_cast<int>(params.width);
  const int first = (kChannel * height + tile.row) * width + tile.column, count = width - tile.column;
  A values[kTile] = {};
  if (use.needs_x()) load_tile(x + first, count, wide, values);
  use.apply(image, static_cast<std::uint32_t>(first), gradient[kChannel], values);
  store_tile(x + first, count, wide, values);
  if constexpr (kChannel + 1 < kIn)
    use_channels<kChannel + 1, kIn>(params, use, image, tile, wide, gradient, x);
}

template <typename T, int kIn, typename Use>
__global__ void backward_data_kernel(Params params, std::uint32_t blocks_per_image, bool wide, Use use,
                                     const T* __restrict__ dy, const Arithmetic<T>* __restrict__ w,
                                     Arithmetic<T>* __restrict__ x) {
  using A = Arithmetic<T>;
  MEBM_SHARED_ARRAY(A, weights, kTaps * kMaxOutChannels * kPadded);
  stage_weights<kIn>(static_cast<int>(params.out_channels), w, weights);
  __syncthreads();
  const int height = static_cast<int>(params.height), width = static_cast<int>(params.width);
  const std::uint32_t image = blockIdx.x / blocks_per_image;
  const std::uint32_t item = (blockIdx.x - image * blocks_per_image) * blockDim.x + threadIdx.x;
  const Tile tile = tile_of(item, 1, params.width);
  if (tile.row >= height) return;
  A gradient[kIn][kTile] = {};
  tile_gradient<kIn>(params, tile, weights, dy + std::int64_t{image} * height * width * params.out_channels,
                     gradient);
  use_channels<0, kIn>(params, use, image, tile, wide, gradient,
                       x + std::int64_t{image} * kIn * height * width);
}

template <typename T, typename Use>
Status launch_backward(const char* name, const DeviceExec& exec, const Params& params,
                       const std::uint32_t* iteration_cell, const Use& use, const T* dy,
                       const Arithmetic<T>* w, Arithmetic<T>* x) {
  const TileGrid grid = tile_grid(params, 1);
  const LaunchShape shape{.name = name,
                          .sizes = sizes_text(params),
                          .grid_x = grid.blocks,
                          .block = kTileBlock,
                          .cooperates = true};
  const std::int64_t pixels = params.images * params.height * params.width;
  runtime::Accesses accesses;
  accesses.read(dy, pixels * params.out_channels).read(w, params.out_channels * kTaps * params.in_channels);
  accesses.read(iteration_cell, 1).write(x, pixels * params.in_channels);
  if (use.needs_x()) accesses.read(x, pixels * params.in_channels);
  const bool wide = params.width % kTile == 0 && reinterpret_cast<std::uintptr_t>(x) % 16 == 0;
  auto* kernel = backward_data_kernel<T, 1, Use>;
  if (params.in_channels == 2) kernel = backward_data_kernel<T, 2, Use>;
  if (params.in_channels == 3) kernel = backward_data_kernel<T, 3, Use>;
  if (params.in_channels == 4) kernel = backward_data_kernel<T, 4, Use>;
  return launch(exec, shape, accesses, kernel, params, grid.per_image, wide, use, dy, w, x);
}

}  // namespace

template <typename T>
Status backward_data(const DeviceExec& exec, const Params& params, const T* dy, const Arithmetic<T>* w,
                     Arithmetic<T>* dx, bool accumulate) {
  if (params.images * params.height * params.width == 0) return {};
  const char* const name = "stem_conv2d backward_data";
  if (std::string problem = problem_of(name, params); !problem.empty()) return Status(std::move(problem));
  return launch_backward(name, exec, params, nullptr, Store{accumulate}, dy, w, dx);
}

template <typename T>
Status backward_data_langevin(const DeviceExec& exec, const Params& params,
                              const langevin_step::Params& langevin, const T* dy, const Arithmetic<T>* w,
                              Arithmetic<T>* x) {
  if (params.images * params.height * params.width == 0) return {};
  const char* const name = "stem_conv2d backward_data_langevin";
  if (std::string problem = problem_of(name, params); !problem.empty()) return Status(std::move(problem));
  if (langevin.images != params.images ||
      langevin.elements != params.in_channels * params.height * params.width)
    return Status(std::string(name) + " (" + sizes_text(params) + "): the Langevin step is of " +
                  std::to_string(langevin.images) + " chains of " + std::to_string(langevin.elements) +
                  " elements");
  return launch_backward(name, exec, params, langevin.iteration_cell, Step{langevin}, dy, w, x);
}

#define MEBM_INSTANTIATE(T)                                                                                 \
  template Status backward_data<T>(const DeviceExec&, const Params&, const T*, const Arithmetic<T>*,        \
                                   Arithmetic<T>*, bool);                                                   \
  template Status backward_data_langevin<T>(const DeviceExec&, const Params&, const langevin_step::Params&, \
                                            const T*, const Arithmetic<T>*, Arithmetic<T>*);
MEBM_FOR_DEVICE_TYPES(MEBM_INSTANTIATE)

}  // namespace mebm::kernels::stem_conv2d::device

#include "kernels/pool/pool.h"

#include "kernels/core/wide_access.h"

namespace mebm::kernels::pool::device {
namespace {

// A block of the forward kernel: kLanes accesses along the channels times kSlices shares of the pixels.
constexpr int kLanes = 16, kSlices = 16;
constexpr std::uint32_t kBlock = kLanes * kSlices;

// A block averages kLanes * Width channels of one image.
template <int Width, typename T>
__global__ void global_average_kernel(ChannelsLast map, const T* __restrict__ x,
                                      Arithmetic<T>* __restrict__ features) {
  MEBM_SHARED_ARRAY(Arithmetic<T>, partial, Width * kSlices * kLanes);
  constexpr int kChannels = kLanes * Width;
  const std::int64_t tiles = (map.channels + kChannels - 1) / kChannels;
  const std::int64_t image = blockIdx.x / tiles, first = blockIdx.x % tiles * kChannels;
  const int thread = static_cast<int>(threadIdx.x), lane = thread % kLanes, slice = thread / kLanes;
  const std::int64_t channel = first + lane * Width;
  Arithmetic<T> sums[Width] = {};
  if (channel < map.channels) {
    const T* column = x + image * map.pixels * map.channels + channel;
    for (std::int64_t p = slice; p < map.pixels; p += kSlices) {
      Arithmetic<T> values[Width];
      load_wide(column + p * map.channels, values);
      for (int k = 0; k < Width; ++k) sums[k] += values[k];
    }
  }
  for (int k = 0; k < Width; ++k) partial[(k * kSlices + slice) * kLanes + lane] = sums[k];
  __syncthreads();
  const int k = thread / kLanes;  // of kSlices >= Width
  const std::int64_t out = channel + k;
  if (k >= Width || out >= map.channels) return;
  double sum = 0;
  for (int s = 0; s < kSlices; ++s) sum += partial[(k * kSlices + s) * kLanes + lane];
  features[image * map.channels + out] = static_cast<Arithmetic<T>>(sum / static_cast<double>(map.pixels));
}

// One thread per access; blocks_per_image blocks share an image, in which indices take 32 bits.
template <int Width, typename T>
__global__ void global_average_backward_kernel(ChannelsLast map, std::uint32_t blocks_per_image,
                                               const Arithmetic<T>* __restrict__ dfeatures,
                                               T* __restrict__ dx, bool accumulate) {
  const std::uint32_t image = blockIdx.x / blocks_per_image,
                      i = blockIdx.x % blocks_per_image * blockDim.x + threadIdx.x;
  const auto accesses = static_cast<std::uint32_t>(map.channels) / Width;
  if (i >= static_cast<std::uint32_t>(map.pixels) * accesses) return;
  Arithmetic<T> share[Width], out[Width] = {};
  const Arithmetic<T>* gradient = dfeatures + image * map.channels + std::int64_t{i % accesses} * Width;
  T* target = dx + image * map.pixels * map.channels + std::int64_t{i} * Width;
  load_wide(gradient, share);
  if (accumulate) load_wide(target, out);
  for (int k = 0; k < Width; ++k) out[k] += share[k] / static_cast<Arithmetic<T>>(map.pixels);
  store_wide(target, out);
}

std::string sizes_of(const ChannelsLast& map) {
  return std::to_string(map.images) + " x " + std::to_string(map.pixels) + " pixels x " +
         std::to_string(map.channels) + " channels";
}

template <int Width, typename T>
Status average(const DeviceExec& exec, const ChannelsLast& map, const T* x, Arithmetic<T>* features) {
  const std::int64_t tiles = (map.channels + kLanes * Width - 1) / (kLanes * Width);
  const LaunchShape shape{.name = "global_average",
                          .sizes = sizes_of(map),
                          .grid_x = static_cast<std::uint32_t>(map.images * tiles),
                          .block = kBlock,
                          .cooperates = true};
  runtime::Accesses accesses;
  accesses.read(x, map.elements()).write(features, map.images * map.channels);
  return launch(exec, shape, accesses, global_average_kernel<Width, T>, map, x, features);
}

template <int Width, typename T>
Status average_backward(const DeviceExec& exec, const ChannelsLast& map, const Arithmetic<T>* dfeatures,
                        T* dx, bool accumulate) {
  const std::uint32_t blocks_per_image = blocks_for(map.pixels * map.channels / Width, kBlock);
  const LaunchShape shape{.name = "global_average_backward",
                          .sizes = sizes_of(map),
                          .grid_x = static_cast<std::uint32_t>(map.images * blocks_per_image),
                          .block = kBlock};
  runtime::Accesses accesses;
  accesses.read(dfeatures, map.images * map.channels)
      .read(dx, accumulate ? map.elements() : 0)
      .write(dx, map.elements());
  return launch(exec, shape, accesses, global_average_backward_kernel<Width, T>, map, blocks_per_image,
                dfeatures, dx, accumulate);
}

}  // namespace

template <typename T>
Status global_average(const DeviceExec& exec, const ChannelsLast& map, const T* x, Arithmetic<T>* features) {
  if (map.images * map.channels == 0) return {};
  constexpr int kAccess = kWidth<T>;
  if (map.channels % kAccess == 0 && is_aligned(x)) return average<kAccess>(exec, map, x, features);
  return average<1>(exec, map, x, features);
}

template <typename T>
Status global_average_backward(const DeviceExec& exec, const ChannelsLast& map,
                               const Arithmetic<T>* dfeatures, T* dx, bool accumulate) {
  if (map.elements() == 0) return {};
  constexpr int kAccess = kWidth<T>;
  if (map.channels % kAccess == 0 && all_aligned({dfeatures, dx}))
    return average_backward<kAccess>(exec, map, dfeatures, dx, accumulate);
  return average_backward<1>(exec, map, dfeatures, dx, accumulate);
}

#define MEBM_INSTANTIATE(T)                                                                                \
  template Status global_average<T>(const DeviceExec&, const ChannelsLast&, const T*, Arithmetic<T>*);     \
  template Status global_average_backward<T>(const DeviceExec&, const ChannelsLast&, const Arithmetic<T>*, \
                                             T*, bool);
MEBM_FOR_DEVICE_TYPES(MEBM_INSTANTIATE)

}  // namespace mebm::kernels::pool::device

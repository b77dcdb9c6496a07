#include "kernels/reorder/reorder.h"

#include <algorithm>

#include "kernels/core/wide_access.h"

namespace mebm::kernels::reorder::device {
namespace {

constexpr std::uint32_t kBlock = 256;
constexpr int kTileChannels = 32, kTileValues = 64 * (kTileChannels + 1);

// An image is cut into tiles of `channels` x `pixels`. A tile with all channels of the image is one
// contiguous range on the channels-last side, one with all pixels is one on the plain side: threads walk both
// sides in memory order. The stride between the pixels of a tile is odd, so that neither walk meets bank
// conflicts.
struct Tiling {
  int channels, stride, pixels;
  std::int64_t channel_tiles, pixel_tiles;
};

Tiling tiling_of(const ChannelsLast& map) {
  Tiling t;
  t.channels = static_cast<int>(std::min<std::int64_t>(map.channels, kTileChannels));
  t.stride = t.channels | 1;
  t.pixels = static_cast<int>(std::min<std::int64_t>(kTileValues / t.stride / kWarp * kWarp, map.pixels));
  t.channel_tiles = (map.channels + t.channels - 1) / t.channels;
  t.pixel_tiles = (map.pixels + t.pixels - 1) / t.pixels;
  return t;
}

// The tile of this block, cut at the image's edges.
struct Tile {
  std::int64_t image, first_channel, first_pixel;
  int channels, pixels;
};

__device__ __forceinline__ Tile tile_of_block(const ChannelsLast& map, const Tiling& t) {
  std::int64_t block = blockIdx.x;
  Tile tile;
  tile.first_channel = block % t.channel_tiles * t.channels;
  block /= t.channel_tiles;
  tile.first_pixel = block % t.pixel_tiles * t.pixels;
  tile.image = block / t.pixel_tiles;
  const std::int64_t channels = map.channels - tile.first_channel, pixels = map.pixels - tile.first_pixel;
  tile.channels = channels < t.channels ? static_cast<int>(channels) : t.channels;
  tile.pixels = pixels < t.pixels ? static_cast<int>(pixels) : t.pixels;
  return tile;
}

// FromPlain: plain to channels-last, else the other way round.
template <bool FromPlain, typename From, typename To>
__global__ void transpose_kernel(ChannelsLast map, Tiling tiling, const From* __restrict__ from,
                                 To* __restrict__ to, bool accumulate) {
  MEBM_SHARED_ARRAY(Arithmetic<To>, values, kTileValues);
  const Tile tile = tile_of_block(map, tiling);
  const std::int64_t image = tile.image * map.channels * map.pixels;
  const auto plain = [&](int c, int p) {
    return image + (tile.first_channel + c) * map.pixels + tile.first_pixel + p;
  };
  const auto channels_last = [&](int c, int p) {
    return image + (tile.first_pixel + p) * map.channels + tile.first_channel + c;
  };
  const int count = tile.channels * tile.pixels;
  for (int i = static_cast<int>(threadIdx.x); i < count; i += static_cast<int>(blockDim.x)) {
    const int c = FromPlain ? i / tile.pixels : i % tile.channels,
              p = FromPlain ? i % tile.pixels : i / tile.channels;
    values[p * tiling.stride + c] =
        static_cast<Arithmetic<To>>(widen(from[FromPlain ? plain(c, p) : channels_last(c, p)]));
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < count; i += static_cast<int>(blockDim.x)) {
    const int c = FromPlain ? i % tile.channels : i / tile.pixels,
              p = FromPlain ? i / tile.channels : i % tile.pixels;
    To* const target = to + (FromPlain ? channels_last(c, p) : plain(c, p));
    const Arithmetic<To> value = values[p * tiling.stride + c];
    *target = narrow<To>(accumulate ? widen(*target) + value : value);
  }
}

template <typename From, typename To>
struct Cast {
  const From* from;
  To* to;
  bool accumulate;

  template <int Count>
  __device__ void at(std::int64_t i) const {
    Arithmetic<From> in[Count];
    Arithmetic<To> out[Count] = {};
    load_wide(from + i, in);
    if (accumulate) load_wide(to + i, out);
    for (int k = 0; k < Count; ++k) {
      const auto value = static_cast<Arithmetic<To>>(in[k]);
      out[k] = accumulate ? out[k] + value : value;
    }
    store_wide(to + i, out);
  }
};

template <bool FromPlain, typename From, typename To>
Status transpose(const DeviceExec& exec, const char* name, const ChannelsLast& map, const From* from, To* to,
                 bool accumulate) {
  const std::int64_t n = map.elements();
  if (n == 0) return {};
  const Tiling tiling = tiling_of(map);
  const LaunchShape shape{
      .name = name,
      .sizes = std::to_string(map.images) + " x " + std::to_string(map.channels) + " channels x " +
               std::to_string(map.pixels) + " pixels",
      .grid_x = static_cast<std::uint32_t>(map.images * tiling.pixel_tiles * tiling.channel_tiles),
      .block = kBlock,
      .cooperates = true};
  runtime::Accesses accesses;
  accesses.read(from, n).read(to, accumulate ? n : 0).write(to, n);
  return launch(exec, shape, accesses, transpose_kernel<FromPlain, From, To>, map, tiling, from, to,
                accumulate);
}

}  // namespace

template <typename From, typename To>
Status to_channels_last(const DeviceExec& exec, const ChannelsLast& map, const From* plain, To* out,
                        bool accumulate) {
  return transpose<true>(exec, "to_channels_last", map, plain, out, accumulate);
}

template <typename From, typename To>
Status to_plain(const DeviceExec& exec, const ChannelsLast& map, const From* channels_last, To* out,
                bool accumulate) {
  return transpose<false>(exec, "to_plain", map, channels_last, out, accumulate);
}

template <typename From, typename To>
Status cast(const DeviceExec& exec, std::int64_t n, const From* from, To* to, bool accumulate) {
  if (n == 0) return {};
  constexpr int kAccess = kWidth<From, To>;
  const Split split(n, kAccess, all_aligned({from, to}));
  const LaunchShape shape{.name = "cast",
                          .sizes = std::to_string(n),
                          .grid_x = blocks_for(split.tasks(), kBlock),
                          .block = kBlock};
  runtime::Accesses accesses;
  accesses.read(from, n).read(to, accumulate ? n : 0).write(to, n);
  return launch(exec, shape, accesses, elementwise_kernel<kAccess, Cast<From, To>>, split,
                Cast<From, To>{from, to, accumulate});
}

#define MEBM_INSTANTIATE(From, To)                                                                     \
  template Status to_channels_last<From, To>(const DeviceExec&, const ChannelsLast&, const From*, To*, \
                                             bool);                                                    \
  template Status to_plain<From, To>(const DeviceExec&, const ChannelsLast&, const From*, To*, bool);  \
  template Status cast<From, To>(const DeviceExec&, std::int64_t, const From*, To*, bool);
#define MEBM_INSTANTIATE_SAME(T) MEBM_INSTANTIATE(T, T)
MEBM_FOR_DEVICE_TYPES(MEBM_INSTANTIATE_SAME)
MEBM_INSTANTIATE(bfloat16, float)
MEBM_INSTANTIATE(float, bfloat16)

}  // namespace mebm::kernels::reorder::device

#include "kernels/batch_norm/batch_norm_math.h"
#include "kernels/batch_norm/batch_norm_tiles.h"

namespace mebm::kernels::batch_norm::device {
namespace {

constexpr int kBlocksPerMultiprocessor = 8;
constexpr int kApplyRows = 4, kBackwardRows = 2;  // in flight per thread

template <typename T>
struct ApplyArguments {
  const T* x;
  T* z;
  const Arithmetic<T>*scale, *shift;
  Arithmetic<T> leak;
};

template <typename T, int V>
__global__ void __launch_bounds__(ChannelTiles::kThreads)
    apply_kernel(ChannelTiles tiles, ApplyArguments<T> a) {
  using Real = Arithmetic<T>;
  const TilePlace place = tile_place(tiles);
  if (!place.active) return;
  Real scale[V], shift[V];
  const std::int64_t at = place.range * tiles.channels + place.channel;
  load_wide(a.scale + at, scale);
  load_wide(a.shift + at, shift);
  for_row_batches<kApplyRows>(tiles, place, [&]<bool kWhole>(std::int64_t offset, int rows) {
    Pack<T, V> batch[kApplyRows];
    for (int n = 0; n < kApplyRows; ++n)
      if (kWhole || n < rows) batch[n] = load_pack<V>(a.x + offset + n * tiles.stride());
    for (int n = 0; n < kApplyRows; ++n)
      if (kWhole || n < rows) {
        for (int i = 0; i < V; ++i)
          batch[n].value[i] = narrow<T>(leaky(scale[i] * widen(batch[n].value[i]) + shift[i], a.leak));
        store_pack<V>(a.z + offset + n * tiles.stride(), batch[n]);
      }
  });
}

template <typename T>
struct BackwardArguments {
  const T *x, *dz;
  T* dx;
  Coefficients<T> c;
  const Arithmetic<T>*sum_du, *sum_du_xhat;  // null: statistics held fixed
  Arithmetic<T> leak;
};

// dx = scale du - slope x - constant, the formula of the contract with its terms collected per channel.
template <typename T, int V>
struct BackwardCoefficients {
  Arithmetic<T> scale[V], shift[V], slope[V], constant[V];
};

template <typename T, int V>
__device__ __forceinline__ BackwardCoefficients<T, V> backward_coefficients(const BackwardArguments<T>& a,
                                                                            std::int64_t at,
                                                                            std::int64_t elements) {
  using Real = Arithmetic<T>;
  BackwardCoefficients<T, V> c = {};
  load_wide(a.c.scale + at, c.scale);
  load_wide(a.c.shift + at, c.shift);
  if (a.sum_du == nullptr) return c;
  Real mean[V], inverse[V], du[V], du_xhat[V];
  load_wide(a.c.mean + at, mean);
  load_wide(a.c.inverse_deviation + at, inverse);
  load_wide(a.sum_du + at, du);
  load_wide(a.sum_du_xhat + at, du_xhat);
  const Real share = Real(1) / static_cast<Real>(elements);
  for (int i = 0; i < V; ++i) {
    c.slope[i] = c.scale[i] * inverse[i] * (du_xhat[i] * share);
    c.constant[i] = c.scale[i] * (du[i] * share) - c.slope[i] * mean[i];
  }
  return c;
}

template <typename T, int V, bool kAccumulate>
__global__ void __launch_bounds__(ChannelTiles::kThreads)
    backward_apply_kernel(ChannelTiles tiles, BackwardArguments<T> a) {
  using Real = Arithmetic<T>;
  const TilePlace place = tile_place(tiles);
  if (!place.active) return;
  const BackwardCoefficients<T, V> c =
      backward_coefficients<T, V>(a, place.range * tiles.channels + place.channel,
                                  tiles.ranges[place.range].end - tiles.ranges[place.range].begin);
  for_row_batches<kBackwardRows>(tiles, place, [&]<bool kWhole>(std::int64_t offset, int rows) {
    Pack<T, V> x[kBackwardRows], dz[kBackwardRows], dx[kBackwardRows];
    for (int n = 0; n < kBackwardRows; ++n)
      if (kWhole || n < rows) {
        const std::int64_t at = offset + n * tiles.stride();
        x[n] = load_pack<V>(a.x + at);
        dz[n] = load_pack<V>(a.dz + at);
        if constexpr (kAccumulate) dx[n] = load_pack<V>(a.dx + at);
      }
    for (int n = 0; n < kBackwardRows; ++n)
      if (kWhole || n < rows) {
        for (int i = 0; i < V; ++i) {
          const Real xi = widen(x[n].value[i]);
          const Real du = leaky_gradient(c.scale[i] * xi + c.shift[i], widen(dz[n].value[i]), a.leak);
          Real gradient = c.scale[i] * du - (c.slope[i] * xi + c.constant[i]);
          if constexpr (kAccumulate) gradient += widen(dx[n].value[i]);
          dx[n].value[i] = narrow<T>(gradient);
        }
        store_pack<V>(a.dx + offset + n * tiles.stride(), dx[n]);
      }
  });
}

LaunchShape apply_shape(const char* name, const Params& params, const ChannelTiles& tiles) {
  return {.name = name,
          .sizes = sizes_of(params),
          .grid_x = static_cast<std::uint32_t>(tiles.blocks()),
          .block = ChannelTiles::kThreads};
}

}  // namespace

template <typename T>
Status apply(const DeviceExec& exec, const Params& params, const Coefficients<T>& c, const T* x, T* z) {
  const RowHull hull = hull_of(params);
  if (hull.count == 0) return {};
  constexpr int kVector = Vector<T>::kSize;
  const int vector = vector_for<T>(params.map.channels, x, z, c.scale, c.shift);
  const ChannelTiles tiles = tiles_of(exec, params, vector, kBlocksPerMultiprocessor, kApplyRows);
  const LaunchShape shape = apply_shape("batch_norm_apply", params, tiles);
  const std::int64_t entries = params.group_count * params.map.channels;
  runtime::Accesses accesses;
  accesses.read(x + hull.begin, hull.count).read(c.scale, entries).read(c.shift, entries);
  accesses.write(z + hull.begin, hull.count);
  const ApplyArguments<T> arguments{x, z, c.scale, c.shift, static_cast<Arithmetic<T>>(params.leak)};
  return vector == 1 ? launch(exec, shape, accesses, apply_kernel<T, 1>, tiles, arguments)
                     : launch(exec, shape, accesses, apply_kernel<T, kVector>, tiles, arguments);
}

template <typename T>
Status backward_apply(const DeviceExec& exec, const Params& params, const Coefficients<T>& c,
                      const Sums<T>* sums, const T* x, const T* dz, T* dx, bool accumulate) {
  const RowHull hull = hull_of(params);
  if (hull.count == 0) return {};
  constexpr int kVector = Vector<T>::kSize;
  const Arithmetic<T>* du = sums != nullptr ? sums->du : nullptr;
  const Arithmetic<T>* du_xhat = sums != nullptr ? sums->du_xhat : nullptr;
  const int vector = vector_for<T>(params.map.channels, x, dz, dx, c.mean, c.inverse_deviation, c.scale,
                                   c.shift, du, du_xhat);
  const ChannelTiles tiles = tiles_of(exec, params, vector, kBlocksPerMultiprocessor, kBackwardRows);
  const LaunchShape shape = apply_shape("batch_norm_backward_apply", params, tiles);
  const std::int64_t entries = params.group_count * params.map.channels;
  runtime::Accesses accesses;
  accesses.read(x + hull.begin, hull.count).read(dz + hull.begin, hull.count);
  accesses.read(c.scale, entries).read(c.shift, entries);
  if (sums != nullptr)
    accesses.read(c.mean, entries)
        .read(c.inverse_deviation, entries)
        .read(du, entries)
        .read(du_xhat, entries);
  if (accumulate) accesses.read(dx + hull.begin, hull.count);
  accesses.write(dx + hull.begin, hull.count);
  const BackwardArguments<T> arguments{x, dz, dx, c, du, du_xhat, static_cast<Arithmetic<T>>(params.leak)};
  const auto run = [&](auto* kernel) { return launch(exec, shape, accesses, kernel, tiles, arguments); };
  if (vector == 1)
    return accumulate ? run(backward_apply_kernel<T, 1, true>) : run(backward_apply_kernel<T, 1, false>);
  return accumulate ? run(backward_apply_kernel<T, kVector, true>)
                    : run(backward_apply_kernel<T, kVector, false>);
}

#define MEBM_INSTANTIATE(T)                                                                         \
  template Status apply<T>(const DeviceExec&, const Params&, const Coefficients<T>&, const T*, T*); \
  template Status backward_apply<T>(const DeviceExec&, const Params&, const Coefficients<T>&,       \
                                    const Sums<T>*, const T*, const T*, T*, bool);
MEBM_FOR_DEVICE_TYPES(MEBM_INSTANTIATE)

}  // namespace mebm::kernels::batch_norm::device

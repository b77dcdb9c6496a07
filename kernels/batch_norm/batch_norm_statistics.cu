#include <utility>

#include "kernels/batch_norm/batch_norm_math.h"
#include "kernels/batch_norm/batch_norm_tiles.h"
#include "kernels/core/reduce.h"

namespace mebm::kernels::batch_norm::device {
namespace {

constexpr int kBlocksPerMultiprocessor = 2;
constexpr int kStatisticsRows = 4, kBackwardRows = 2;  // in flight per thread

template <typename T>
struct StatisticsArguments {
  const T* x;
  const Arithmetic<T>*gamma, *beta;
  Coefficients<T> c;
  double eps;
  Arithmetic<T>* partials;
  std::uint32_t* counters;
};

// Coefficients of entry `at` of the arrays. The shift belongs to the scale as rounded, so that a mean far
// from zero does not multiply the scale's rounding.
template <typename T>
__device__ __forceinline__ void set_coefficients(const Coefficients<T>& c, std::int64_t at, double mean,
                                                 double variance, double eps, double gamma, double beta) {
  using Real = Arithmetic<T>;
  const double inverse = 1 / sqrt(variance + eps);
  const Real scale = static_cast<Real>(gamma * inverse);
  c.mean[at] = static_cast<Real>(mean);
  c.inverse_deviation[at] = static_cast<Real>(inverse);
  c.scale[at] = scale;
  c.shift[at] = static_cast<Real>(beta - mean * static_cast<double>(scale));
}

// The indices are constants, so that the slots stay in constant memory.
template <int... g>
__device__ __forceinline__ void store_slots(const Slots& slots, int group, std::int64_t channel, double mean,
                                            double variance, std::integer_sequence<int, g...>) {
  const auto store = [channel](double* slot, double value) {
    if (slot != nullptr) slot[channel] = value;
  };
  ((g == group ? store(slots.mean[g], mean), store(slots.unbiased_variance[g], variance) : void()), ...);
}

// sum d and sum d^2 of the thread's rows, d = x - pivot.
template <typename T, int V>
__device__ __forceinline__ void sum_deviations(const ChannelTiles& tiles, const T* x, const TilePlace& place,
                                               std::int64_t pivot_row, Arithmetic<T> (&value)[2 * V]) {
  using Real = Arithmetic<T>;
  Real pivot[V];
  const Pack<T, V> first = load_pack<V>(x + pivot_row * tiles.channels + place.channel);
  for (int i = 0; i < V; ++i) pivot[i] = widen(first.value[i]);
  for_row_batches<kStatisticsRows>(tiles, place, [&]<bool kWhole>(std::int64_t offset, int rows) {
    Pack<T, V> batch[kStatisticsRows];
    for (int n = 0; n < kStatisticsRows; ++n)
      if (kWhole || n < rows) batch[n] = load_pack<V>(x + offset + n * tiles.stride());
    for (int n = 0; n < kStatisticsRows; ++n)
      if (kWhole || n < rows)
        for (int i = 0; i < V; ++i) {
          const Real d = widen(batch[n].value[i]) - pivot[i];
          value[i] += d;
          value[V + i] += d * d;
        }
  });
}

template <typename T, int V>
__global__ void __launch_bounds__(ChannelTiles::kThreads, 2)
    statistics_kernel(ChannelTiles tiles, StatisticsArguments<T> a, Slots slots) {
  using Real = Arithmetic<T>;
  MEBM_SHARED_ARRAY(double, total, reduce::kMaxColumns<2 * V>);
  const TilePlace place = tile_place(tiles);
  const ChannelTiles::Range group = tiles.ranges[place.range];
  Real value[2 * V] = {};
  if (place.active) sum_deviations<T, V>(tiles, a.x, place, group.begin, value);
  const int columns = 2 * V * tiles.lanes;
  reduce::fold_block(tiles, value,
                     a.partials + reduce::partial_offset(tiles, place.chunk, place.block, columns));
  if (!last_to_arrive(a.counters + place.range * tiles.chunks + place.chunk,
                      static_cast<std::uint32_t>(group.blocks)))
    return;
  reduce::combine<Real, 2 * V>(
      a.partials + reduce::partial_offset(tiles, place.chunk, group.first_block, columns), group.blocks,
      columns, total);
  const int index = static_cast<int>(threadIdx.x);
  const std::int64_t channel = reduce::channel_of<V>(tiles, place.chunk, index);
  if (index >= V * tiles.lanes || channel >= tiles.channels) return;
  const double m = static_cast<double>(group.end - group.begin);
  const double shifted = total[index] / m, squares = total[V * tiles.lanes + index] / m;
  const double mean = static_cast<double>(widen(a.x[group.begin * tiles.channels + channel])) + shifted;
  const double rest = squares - shifted * shifted;
  const double variance = rest < 0 ? 0 : rest;  // NaN stays
  set_coefficients(a.c, place.range * tiles.channels + channel, mean, variance, a.eps,
                   static_cast<double>(a.gamma[channel]), static_cast<double>(a.beta[channel]));
  store_slots(slots, place.range, channel, mean, variance * (m / (m - 1)),
              std::make_integer_sequence<int, kMaxGroups>());
}

template <typename T>
__global__ void coefficients_kernel(std::int64_t channels, double eps, const Arithmetic<T>* mean,
                                    const Arithmetic<T>* variance, const Arithmetic<T>* gamma,
                                    const Arithmetic<T>* beta, Coefficients<T> c) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= channels) return;
  set_coefficients(c, i, static_cast<double>(mean[i]), static_cast<double>(variance[i]), eps,
                   static_cast<double>(gamma[i]), static_cast<double>(beta[i]));
}

template <typename T>
struct BackwardArguments {
  const T *x, *dz;
  Coefficients<T> c;
  Sums<T> sums;
  Arithmetic<T> leak;
  Arithmetic<T>* partials;
  std::uint32_t* counters;
};

// sum du and sum du (x - mean) of the thread's rows.
template <typename T, int V>
__device__ __forceinline__ void sum_gradients(const ChannelTiles& tiles, const BackwardArguments<T>& a,
                                              const TilePlace& place, Arithmetic<T> (&value)[2 * V]) {
  using Real = Arithmetic<T>;
  Real scale[V], shift[V], mean[V];
  const std::int64_t at = place.range * tiles.channels + place.channel;
  load_wide(a.c.scale + at, scale);
  load_wide(a.c.shift + at, shift);
  load_wide(a.c.mean + at, mean);
  for_row_batches<kBackwardRows>(tiles, place, [&]<bool kWhole>(std::int64_t offset, int rows) {
    Pack<T, V> x[kBackwardRows], dz[kBackwardRows];
    for (int n = 0; n < kBackwardRows; ++n)
      if (kWhole || n < rows) {
        x[n] = load_pack<V>(a.x + offset + n * tiles.stride());
        dz[n] = load_pack<V>(a.dz + offset + n * tiles.stride());
      }
    for (int n = 0; n < kBackwardRows; ++n)
      if (kWhole || n < rows)
        for (int i = 0; i < V; ++i) {
          const Real xi = widen(x[n].value[i]);
          const Real du = leaky_gradient(scale[i] * xi + shift[i], widen(dz[n].value[i]), a.leak);
          value[i] += du;
          value[V + i] += du * (xi - mean[i]);
        }
  });
}

// target (+)= sum over groups
template <typename Real>
__device__ __forceinline__ void add_gradient(Real* target, std::int64_t channel, bool accumulate,
                                             double sum) {
  if (target == nullptr) return;
  target[channel] = static_cast<Real>(accumulate ? static_cast<double>(target[channel]) + sum : sum);
}

template <typename T, int V>
__global__ void __launch_bounds__(ChannelTiles::kThreads, 2)
    backward_sums_kernel(ChannelTiles tiles, BackwardArguments<T> a) {
  using Real = Arithmetic<T>;
  MEBM_SHARED_ARRAY(double, total, reduce::kMaxColumns<2 * V>);
  const TilePlace place = tile_place(tiles);
  Real value[2 * V] = {};
  if (place.active) sum_gradients<T, V>(tiles, a, place, value);
  const int columns = 2 * V * tiles.lanes;
  reduce::fold_block(tiles, value,
                     a.partials + reduce::partial_offset(tiles, place.chunk, place.block, columns));
  // One block combines all groups, because dgamma and dbeta sum over them.
  if (!last_to_arrive(a.counters + place.chunk, static_cast<std::uint32_t>(tiles.row_blocks))) return;
  const int index = static_cast<int>(threadIdx.x);
  const std::int64_t channel = reduce::channel_of<V>(tiles, place.chunk, index);
  const bool mine = index < V * tiles.lanes && channel < tiles.channels;
  double dgamma = 0, dbeta = 0;
  for (int g = 0; g < tiles.range_count; ++g) {
    reduce::combine<Real, 2 * V>(
        a.partials + reduce::partial_offset(tiles, place.chunk, tiles.ranges[g].first_block, columns),
        tiles.ranges[g].blocks, columns, total);
    if (!mine) continue;
    const std::int64_t at = g * tiles.channels + channel;
    const double du = total[index];
    const double du_xhat = total[V * tiles.lanes + index] * static_cast<double>(a.c.inverse_deviation[at]);
    a.sums.du[at] = static_cast<Real>(du);
    a.sums.du_xhat[at] = static_cast<Real>(du_xhat);
    dbeta += du;
    dgamma += du_xhat;
  }
  if (!mine) return;
  add_gradient(a.sums.dgamma, channel, a.sums.accumulate_dgamma, dgamma);
  add_gradient(a.sums.dbeta, channel, a.sums.accumulate_dbeta, dbeta);
}

LaunchShape reduction_shape(const char* name, const Params& params, const ChannelTiles& tiles) {
  return {.name = name,
          .sizes = sizes_of(params),
          .grid_x = static_cast<std::uint32_t>(tiles.blocks()),
          .block = ChannelTiles::kThreads,
          .cooperates = true};
}

}  // namespace

std::size_t scratch_bytes(const DeviceExec& exec, const Params& params) {
  std::int64_t values = 0;
  for (int vector : {1, 2, 4, 8})
    for (int rows : {kStatisticsRows, kBackwardRows})
      if (params.map.channels % vector == 0)
        values = std::max(values, reduce::partial_values(
                                      tiles_of(exec, params, vector, kBlocksPerMultiprocessor, rows / 2), 2));
  return static_cast<std::size_t>(values) * sizeof(double);
}

template <typename T>
Status statistics(const DeviceExec& exec, const Params& params, const T* x, const Arithmetic<T>* gamma,
                  const Arithmetic<T>* beta, const Coefficients<T>& c, const Slots& slots, void* scratch) {
  const RowHull hull = hull_of(params);
  if (hull.count == 0) return {};
  constexpr int kVector = Vector<T>::kSize;
  const int vector = vector_for<T>(params.map.channels, x);
  const ChannelTiles tiles = tiles_of(exec, params, vector, kBlocksPerMultiprocessor, kStatisticsRows / 2);
  const LaunchShape shape = reduction_shape("batch_norm_statistics", params, tiles);
  const std::int64_t counters = std::int64_t{params.group_count} * tiles.chunks,
                     channels = params.map.channels, entries = params.group_count * channels;
  if (Status problem = reduce::counters_problem(shape, counters); !problem.ok()) return problem;
  auto* partials = static_cast<Arithmetic<T>*>(scratch);
  const StatisticsArguments<T> arguments{x, gamma, beta, c, params.eps, partials, exec.counters};
  runtime::Accesses accesses;
  accesses.read(x + hull.begin, hull.count).read(gamma, channels).read(beta, channels);
  accesses.write(c.mean, entries).write(c.inverse_deviation, entries);
  accesses.write(c.scale, entries).write(c.shift, entries);
  accesses.write(partials, reduce::partial_values(tiles, 2)).write(exec.counters, counters);
  for (int g = 0; g < params.group_count; ++g)
    accesses.write(slots.mean[g], channels).write(slots.unbiased_variance[g], channels);
  return vector == 1 ? launch(exec, shape, accesses, statistics_kernel<T, 1>, tiles, arguments, slots)
                     : launch(exec, shape, accesses, statistics_kernel<T, kVector>, tiles, arguments, slots);
}

template <typename T>
Status coefficients(const DeviceExec& exec, const Params& params, const Arithmetic<T>* mean,
                    const Arithmetic<T>* variance, const Arithmetic<T>* gamma, const Arithmetic<T>* beta,
                    const Coefficients<T>& c) {
  const std::int64_t channels = params.map.channels;
  if (channels == 0) return {};
  runtime::Accesses accesses;
  accesses.read(mean, channels).read(variance, channels).read(gamma, channels).read(beta, channels);
  accesses.write(c.mean, channels).write(c.inverse_deviation, channels);
  accesses.write(c.scale, channels).write(c.shift, channels);
  const LaunchShape shape{.name = "batch_norm_coefficients",
                          .sizes = std::to_string(channels),
                          .grid_x = blocks_for(channels, 64),
                          .block = 64};
  return launch(exec, shape, accesses, coefficients_kernel<T>, channels, params.eps, mean, variance, gamma,
                beta, c);
}

template <typename T>
Status backward_sums(const DeviceExec& exec, const Params& params, const Coefficients<T>& c, const T* x,
                     const T* dz, const Sums<T>& sums, void* scratch) {
  const RowHull hull = hull_of(params);
  if (hull.count == 0) return {};
  constexpr int kVector = Vector<T>::kSize;
  const int vector = vector_for<T>(params.map.channels, x, dz, c.mean, c.scale, c.shift);
  const ChannelTiles tiles = tiles_of(exec, params, vector, kBlocksPerMultiprocessor, kBackwardRows / 2);
  const LaunchShape shape = reduction_shape("batch_norm_backward_sums", params, tiles);
  if (Status problem = reduce::counters_problem(shape, tiles.chunks); !problem.ok()) return problem;
  auto* partials = static_cast<Arithmetic<T>*>(scratch);
  const BackwardArguments<T> arguments{
      x, dz, c, sums, static_cast<Arithmetic<T>>(params.leak), partials, exec.counters};
  const std::int64_t channels = params.map.channels, entries = params.group_count * channels;
  runtime::Accesses accesses;
  accesses.read(x + hull.begin, hull.count).read(dz + hull.begin, hull.count);
  accesses.read(c.mean, entries).read(c.inverse_deviation, entries);
  accesses.read(c.scale, entries).read(c.shift, entries);
  accesses.write(sums.du, entries).write(sums.du_xhat, entries);
  accesses.write(sums.dgamma, channels).write(sums.dbeta, channels);
  accesses.write(partials, reduce::partial_values(tiles, 2)).write(exec.counters, tiles.chunks);
  return vector == 1 ? launch(exec, shape, accesses, backward_sums_kernel<T, 1>, tiles, arguments)
                     : launch(exec, shape, accesses, backward_sums_kernel<T, kVector>, tiles, arguments);
}

#define MEBM_INSTANTIATE(T)                                                                            \
  template Status statistics<T>(const DeviceExec&, const Params&, const T*, const Arithmetic<T>*,      \
                                const Arithmetic<T>*, const Coefficients<T>&, const Slots&, void*);    \
  template Status coefficients<T>(const DeviceExec&, const Params&, const Arithmetic<T>*,              \
                                  const Arithmetic<T>*, const Arithmetic<T>*, const Arithmetic<T>*,    \
                                  const Coefficients<T>&);                                             \
  template Status backward_sums<T>(const DeviceExec&, const Params&, const Coefficients<T>&, const T*, \
                                   const T*, const Sums<T>&, void*);
MEBM_FOR_DEVICE_TYPES(MEBM_INSTANTIATE)

}  // namespace mebm::kernels::batch_norm::device

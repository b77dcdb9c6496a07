#include "kernels/channel_bias/channel_bias.h"

#include "kernels/core/reduce.h"

namespace mebm::kernels::channel_bias::device {
namespace {

constexpr int kBlocksPerMultiprocessor = 2, kRows = 4;  // rows in flight per thread

struct AllRows {
  std::int64_t begin, count;
};

ChannelTiles tiles_of(const DeviceExec& exec, const ChannelsLast& map, int vector) {
  const AllRows rows{0, map.rows()};
  return channel_tiles(map.channels, vector, &rows, 1, 1,
                       std::int64_t{exec.multiprocessors} * kBlocksPerMultiprocessor, kRows);
}

template <typename T>
struct Arguments {
  const T* dy;
  Arithmetic<T>* dbias;
  bool accumulate;
  Arithmetic<T>* partials;
  std::uint32_t* counters;
};

template <typename T, int V>
__global__ void __launch_bounds__(ChannelTiles::kThreads, 2)
    gradient_kernel(ChannelTiles tiles, Arguments<T> a) {
  using Real = Arithmetic<T>;
  MEBM_SHARED_ARRAY(double, total, reduce::kMaxColumns<V>);
  const TilePlace place = tile_place(tiles);
  Real value[V] = {};
  if (place.active)
    for_row_batches<kRows>(tiles, place, [&]<bool kWhole>(std::int64_t offset, int rows) {
      Pack<T, V> dy[kRows];
      for (int n = 0; n < kRows; ++n)
        if (kWhole || n < rows) dy[n] = load_pack<V>(a.dy + offset + n * tiles.stride());
      for (int n = 0; n < kRows; ++n)
        if (kWhole || n < rows)
          for (int i = 0; i < V; ++i) value[i] += widen(dy[n].value[i]);
    });
  const int columns = V * tiles.lanes;
  reduce::fold_block(tiles, value,
                     a.partials + reduce::partial_offset(tiles, place.chunk, place.block, columns));
  if (!last_to_arrive(a.counters + place.chunk, static_cast<std::uint32_t>(tiles.row_blocks))) return;
  reduce::combine<Real, V>(a.partials + reduce::partial_offset(tiles, place.chunk, 0, columns),
                           tiles.row_blocks, columns, total);
  const int index = static_cast<int>(threadIdx.x);
  const std::int64_t channel = reduce::channel_of<V>(tiles, place.chunk, index);
  if (index >= columns || channel >= tiles.channels) return;
  const double before = a.accumulate ? static_cast<double>(a.dbias[channel]) : 0;
  a.dbias[channel] = static_cast<Real>(before + total[index]);
}

}  // namespace

std::size_t scratch_bytes(const DeviceExec& exec, const ChannelsLast& map) {
  std::int64_t values = 0;
  for (int vector : {1, 2, 4, 8})
    if (map.channels % vector == 0)
      values = std::max(values, reduce::partial_values(tiles_of(exec, map, vector), 1));
  return static_cast<std::size_t>(values) * sizeof(double);
}

template <typename T>
Status gradient(const DeviceExec& exec, const ChannelsLast& map, const T* dy, Arithmetic<T>* dbias,
                bool accumulate, void* scratch) {
  if (map.elements() == 0) return {};
  constexpr int kVector = Vector<T>::kSize;
  const int vector = vector_for<T>(map.channels, dy);
  const ChannelTiles tiles = tiles_of(exec, map, vector);
  const LaunchShape shape{.name = "channel_bias_gradient",
                          .sizes = std::to_string(map.rows()) + " x " + std::to_string(map.channels),
                          .grid_x = static_cast<std::uint32_t>(tiles.blocks()),
                          .block = ChannelTiles::kThreads,
                          .cooperates = true};
  if (Status problem = reduce::counters_problem(shape, tiles.chunks); !problem.ok()) return problem;
  auto* partials = static_cast<Arithmetic<T>*>(scratch);
  runtime::Accesses accesses;
  accesses.read(dy, map.elements());
  if (accumulate) accesses.read(dbias, map.channels);
  accesses.write(dbias, map.channels).write(partials, reduce::partial_values(tiles, 1));
  accesses.write(exec.counters, tiles.chunks);
  const Arguments<T> arguments{dy, dbias, accumulate, partials, exec.counters};
  return vector == 1 ? launch(exec, shape, accesses, gradient_kernel<T, 1>, tiles, arguments)
                     : launch(exec, shape, accesses, gradient_kernel<T, kVector>, tiles, arguments);
}

#define MEBM_INSTANTIATE(T) \
  template Status gradient<T>(const DeviceExec&, const ChannelsLast&, const T*, Arithmetic<T>*, bool, void*);
MEBM_FOR_DEVICE_TYPES(MEBM_INSTANTIATE)

}  // namespace mebm::kernels::channel_bias::device

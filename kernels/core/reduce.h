#pragma once
// Sums over the rows of [rows][channels] arrays, in a fixed order. For .cu files.
//
// Every thread sums its rows; a block folds its threads' sums into one partial per channel; the last block to
// arrive combines all partials in fp64. What that needs lies in scratch memory and one counter per sum.

#include <cstddef>
#include <string>

#include "kernels/core/block_sum.h"
#include "kernels/core/channel_tiles.h"

namespace mebm::kernels::reduce {

// One block's partials: kSums per channel, at [k][lane] with k = sum * V + channel of the vector.
constexpr int columns_of(const ChannelTiles& tiles, int sums) {
  return sums * tiles.vector * tiles.lanes;
}

inline std::int64_t partial_values(const ChannelTiles& tiles, int sums) {
  return tiles.blocks() * columns_of(tiles, sums);
}

// Where block `block` of chunk `chunk` leaves its partials.
__device__ __forceinline__ std::int64_t partial_offset(const ChannelTiles& tiles, int chunk, int block,
                                                       int columns) {
  return (std::int64_t{chunk} * tiles.row_blocks + block) * columns;
}

// The channel that value `index` of V per lane, at [V][lanes], belongs to.
template <int V>
__device__ __forceinline__ std::int64_t channel_of(const ChannelTiles& tiles, int chunk, int index) {
  return (std::int64_t{chunk} * tiles.lanes + index % tiles.lanes) * V + index / tiles.lanes;
}

// Leaves the block's sums of value[K] (K = sums * V) over its row lanes at `partial` in global memory. All
// threads of the block call it.
template <typename Real, int K>
__device__ __forceinline__ void fold_block(const ChannelTiles& tiles, const Real (&value)[K], Real* partial) {
  MEBM_SHARED_ARRAY(Real, tile, K * (ChannelTiles::kThreads + ChannelTiles::kMaxLanes));
  const int thread = static_cast<int>(threadIdx.x);
  const int stride = ChannelTiles::kThreads + tiles.lanes;  // shifts every k to other banks
  for (int k = 0; k < K; ++k) tile[k * stride + thread] = value[k];
  __syncthreads();
  const int columns = K * tiles.lanes, slices = ChannelTiles::kThreads / columns;
  const int slice = thread / columns, column = thread % columns;
  const int rows = (tiles.row_lanes + slices - 1) / slices;
  const int begin = slice * rows, end = begin + rows < tiles.row_lanes ? begin + rows : tiles.row_lanes;
  Real sum = 0;
  if (slice < slices) {
    const Real* source = tile + (column / tiles.lanes) * stride + column % tiles.lanes;
    for (int row = begin; row < end; ++row) sum += source[row * tiles.lanes];
  }
  __syncthreads();
  tile[thread] = sum;
  __syncthreads();
  if (thread >= columns) return;
  for (int other = 1; other < slices; ++other) sum += tile[other * columns + thread];
  partial[thread] = sum;
}

// total[columns] in shared memory: the sums of `blocks` partials of `columns` values each. All threads of the
// block call it; ends with a barrier.
template <typename Real, int K>
__device__ __forceinline__ void combine(const Real* partials, int blocks, int columns, double* total) {
  constexpr int kSize = K % Vector<Real>::kSize == 0 ? Vector<Real>::kSize : 1;
  MEBM_SHARED_ARRAY(double, fold, ChannelTiles::kThreads* kSize);
  const int thread = static_cast<int>(threadIdx.x);
  const int packs = columns / kSize, slices = ChannelTiles::kThreads / packs;
  const int slice = thread / packs, pack = thread % packs;
  double sum[kSize] = {};
  if (slice < slices) {
    constexpr int kBatch = 4;
    const Real* source = partials + pack * kSize;
    for (int block = slice; block < blocks; block += kBatch * slices) {
      Pack<Real, kSize> value[kBatch];
      for (int n = 0; n < kBatch; ++n)
        value[n] = block + n * slices < blocks
                       ? load_pack<kSize>(source + std::int64_t{block + n * slices} * columns)
                       : Pack<Real, kSize>{};
      for (int n = 0; n < kBatch; ++n)
        for (int i = 0; i < kSize; ++i) sum[i] += static_cast<double>(value[n].value[i]);
    }
  }
  __syncthreads();  // an earlier call's readers are done
  for (int i = 0; i < kSize; ++i) fold[thread * kSize + i] = sum[i];
  __syncthreads();
  if (thread < columns) {
    double all = 0;
    for (int s = 0; s < slices; ++s) all += fold[s * columns + thread];
    total[thread] = all;
  }
  __syncthreads();
}

// The most values combine() leaves.
template <int K>
constexpr int kMaxColumns = K* ChannelTiles::kMaxLanes;

inline Status counters_problem(const LaunchShape& shape, std::int64_t wanted) {
  if (wanted <= DeviceExec::kCounters) return {};
  return Status(std::string(shape.name) + " (" + shape.sizes + "): needs " + std::to_string(wanted) +
                " counters, a stream has " + std::to_string(DeviceExec::kCounters));
}

}  // namespace mebm::kernels::reduce

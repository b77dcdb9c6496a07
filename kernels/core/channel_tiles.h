#pragma once
// How the blocks of a grid share the rows of [rows][channels] arrays. For .cu files.
//
// A row is cut into vectors of V neighbouring channels (V values are one 16-byte access, or V = 1 where the
// channel count or an address does not allow that). A block takes `lanes` vectors side by side, a chunk, of a
// run of rows: its thread t takes vector t % lanes of every row t / lanes + k row_lanes. Rows come in ranges
// (the groups of batch-norm); no block works on two.

#include <algorithm>
#include <cstdint>

#include "kernels/core/wide_access.h"

namespace mebm::kernels {

struct ChannelTiles {
  // 320 threads are a whole number of rows for chunks of 2, 4, 5, 8 and 10 vectors, and those make up every
  // channel count of wide residual networks. Ten bf16 vectors are five 32-byte sectors.
  static constexpr int kThreads = 320, kMaxLanes = 10, kMaxRanges = 4;

  struct Range {
    std::int64_t begin = 0, end = 0;  // rows
    std::int64_t rows_per_block = 1;
    int first_block = 0, blocks = 0;
  };

  std::int64_t channels = 0;
  int vector = 1;   // V
  int vectors = 0;  // in a row
  int lanes = 1, row_lanes = 1, chunks = 0;
  int row_blocks = 0;  // of all ranges; the grid has row_blocks * chunks blocks
  int range_count = 0;
  Range ranges[kMaxRanges];

  std::int64_t blocks() const { return std::int64_t{row_blocks} * chunks; }
  // Elements from one of a thread's rows to the next.
  __device__ std::int64_t stride() const { return row_lanes * channels; }
};

// Aims at `target_blocks` blocks, fewer where a thread would have less than `rows_per_thread` rows.
// Range: anything with begin and count, in units of `unit` rows.
template <typename Range>
ChannelTiles channel_tiles(std::int64_t channels, int vector, const Range* ranges, int range_count,
                           std::int64_t unit, std::int64_t target_blocks, int rows_per_thread) {
  ChannelTiles tiles;
  tiles.channels = channels;
  tiles.vector = vector;
  tiles.vectors = static_cast<int>(channels / vector);
  tiles.chunks = (tiles.vectors + ChannelTiles::kMaxLanes - 1) / ChannelTiles::kMaxLanes;
  tiles.lanes = (tiles.vectors + tiles.chunks - 1) / tiles.chunks;
  tiles.row_lanes = ChannelTiles::kThreads / tiles.lanes;
  tiles.range_count = range_count;
  std::int64_t rows = 0;
  for (int r = 0; r < range_count; ++r) rows += ranges[r].count * unit;
  const std::int64_t target = std::max<std::int64_t>(1, target_blocks / tiles.chunks);
  const std::int64_t share = (rows + target - 1) / target;  // rows a block should take
  const std::int64_t least = std::int64_t{tiles.row_lanes} * rows_per_thread;
  for (int r = 0; r < range_count; ++r) {
    ChannelTiles::Range& range = tiles.ranges[r];
    range.begin = ranges[r].begin * unit;
    range.end = range.begin + ranges[r].count * unit;
    range.rows_per_block = (std::max(share, least) + tiles.row_lanes - 1) / tiles.row_lanes * tiles.row_lanes;
    range.first_block = tiles.row_blocks;
    range.blocks =
        static_cast<int>((range.end - range.begin + range.rows_per_block - 1) / range.rows_per_block);
    tiles.row_blocks += range.blocks;
  }
  return tiles;
}

// The widest vectors all these arrays allow: a whole Vector<T>, or 1.
template <typename T, typename... Arrays>
int vector_for(std::int64_t channels, const Arrays*... arrays) {
  const bool whole = channels % Vector<T>::kSize == 0 && (is_aligned(arrays) && ...);
  return whole ? Vector<T>::kSize : 1;
}

// The calling thread's work.
struct TilePlace {
  int range, chunk, block;    // block: among row_blocks
  bool active;                // false: no channel, or no row
  std::int64_t channel;       // first of V
  std::int64_t row, row_end;  // row, row + row_lanes, ...
};

__device__ __forceinline__ TilePlace tile_place(const ChannelTiles& tiles) {
  const int thread = static_cast<int>(threadIdx.x);
  TilePlace place;
  place.block = static_cast<int>(blockIdx.x) / tiles.chunks;
  place.chunk = static_cast<int>(blockIdx.x) % tiles.chunks;
  place.range = 0;
  for (int r = 1; r < ChannelTiles::kMaxRanges; ++r)
    if (r < tiles.range_count && place.block >= tiles.ranges[r].first_block) place.range = r;
  const int vector = place.chunk * tiles.lanes + thread % tiles.lanes;
  const ChannelTiles::Range& range = tiles.ranges[place.range];
  const std::int64_t first = range.begin + (place.block - range.first_block) * range.rows_per_block;
  place.channel = std::int64_t{vector} * tiles.vector;
  place.row = first + thread / tiles.lanes;
  place.row_end = first + range.rows_per_block < range.end ? first + range.rows_per_block : range.end;
  place.active = thread < tiles.lanes * tiles.row_lanes && vector < tiles.vectors;
  return place;
}

// Calls body.template operator()<kWhole>(offset, rows) for batches of kBatch of the thread's rows: row n of
// the batch starts, at the thread's channels, at element offset + n * stride. Not whole: only the first
// `rows` rows of the batch are there.
template <int kBatch, typename Body>
__device__ __forceinline__ void for_row_batches(const ChannelTiles& tiles, const TilePlace& place,
                                                const Body& body) {
  const int step = tiles.row_lanes;
  int left = place.row < place.row_end ? static_cast<int>((place.row_end - place.row + step - 1) / step) : 0;
  std::int64_t offset = place.row * tiles.channels + place.channel;
  for (; left >= kBatch; left -= kBatch) {
    body.template operator()<true>(offset, kBatch);
    offset += kBatch * tiles.stride();
  }
  if (left > 0) body.template operator()<false>(offset, left);
}

}  // namespace mebm::kernels

#pragma once
// The products of a chunk of tiles at every position, for winograd_template.h.

#include "kernels/conv2d/winograd_lanes.h"

namespace mebm::kernels::conv2d::winograd {
namespace {

// products [Pair][capacity][Block] (+)= inputs [blocks][capacity][Block] x weights [blocks *
// Block][Pair][Block] for `Group` tiles. Every product's sum over channels runs in the same order whatever
// the group.
template <int Block, int Group, int Pair>
MEBM_INLINE void multiply(std::int64_t blocks, std::int64_t capacity, const float* inputs,
                          const float* weights, float* products, bool add) {
  using V = Vector<Block>;
  V sums[Group][Pair];
  if (add) {
    for (int t = 0; t < Group; ++t)
      for (int k = 0; k < Pair; ++k) sums[t][k] = at<Block>(products + (k * capacity + t) * Block);
  } else {
    for (int t = 0; t < Group; ++t)
      for (int k = 0; k < Pair; ++k) sums[t][k] = V{};
  }
  for (std::int64_t b = 0; b < blocks; ++b, inputs += capacity * Block)
#pragma GCC unroll 8
    for (int c = 0; c < Block; ++c, weights += Pair * Block) {
      V w[Pair];
      for (int k = 0; k < Pair; ++k) w[k] = at<Block>(weights + k * Block);
#pragma GCC unroll 16
      for (int t = 0; t < Group; ++t) {
        const float x = inputs[t * Block + c];
#pragma GCC unroll 4
        for (int k = 0; k < Pair; ++k) sums[t][k] += x * w[k];
      }
    }
  for (int t = 0; t < Group; ++t)
    for (int k = 0; k < Pair; ++k) at<Block>(products + (k * capacity + t) * Block) = sums[t][k];
}

// Brings the pixels of a range of tiles into the second-level cache, a few lines at a time beside the
// products: neither inputs nor outputs are touched in an order that the processor foresees. A unit is a tile
// row of one channel block, contiguous; units first ... end - 1 of all those of the range are fetched within
// `calls` calls.
template <int Block>
class Fetcher {
 public:
  MEBM_INLINE Fetcher(const Geometry& g, const float* map, std::int64_t map_blocks, std::int64_t blocks,
                      std::int64_t first_tile, std::int64_t tiles)
      : g_(g), map_(map), map_blocks_(map_blocks), blocks_(blocks), row_(first_tile / g.tile_columns) {
    const std::int64_t last = (first_tile + tiles - 1) / g.tile_columns;
    end_ = tiles > 0 ? (last - row_ + 1) * blocks : 0;
  }

  // The part of `parts` of the units, within `calls` calls of fetch().
  MEBM_INLINE void begin(std::int64_t part, std::int64_t parts, std::int64_t calls) {
    unit_ = end_ * part / parts;
    stop_ = end_ * (part + 1) / parts;
    const std::int64_t lines = (stop_ - unit_) * kTile * g_.width * Block / kLine + stop_ - unit_;
    lines_ = lines / calls + 1;
    at_ = rest_ = 0;
  }

  MEBM_INLINE void fetch() {
    for (std::int64_t i = 0; i < lines_; ++i, at_ += kLine) {
      if (at_ >= rest_ && !next_unit()) return;
      __builtin_prefetch(from_ + at_, 0, 2);
    }
  }

 private:
  static constexpr std::int64_t kLine = 16;  // floats of a cache line

  MEBM_INLINE bool next_unit() {
    if (unit_ == stop_) return false;
    const std::int64_t block = unit_ % blocks_, row = row_ + unit_ / blocks_, row_floats = g_.width * Block;
    const std::int64_t top = row % g_.tile_rows * kTile;
    from_ = map_ + ((row / g_.tile_rows * map_blocks_ + block) * g_.height + top) * row_floats;
    rest_ = (g_.height - top < kTile ? g_.height - top : kTile) * row_floats;
    at_ = 0;
    ++unit_;
    return true;
  }

  const Geometry& g_;
  const float *map_, *from_ = nullptr;
  std::int64_t map_blocks_, blocks_, row_;
  std::int64_t unit_ = 0, stop_ = 0, end_, lines_ = 0, at_ = 0, rest_ = 0;
};

// Input channels whose weights for a pair of blocks stay in the first-level cache.
constexpr std::int64_t kChannelsAtOnce = 256;

template <int Block, int Group, int Pair>
MEBM_INLINE void multiply_position(const Geometry& g, std::int64_t tiles, const float* inputs,
                                   const float* weights, float* products, Fetcher<Block>& inputs_of_next,
                                   Fetcher<Block>& outputs) {
  constexpr std::int64_t kBlocks = kChannelsAtOnce / Block;
  for (std::int64_t b = 0; b < g.source_blocks; b += kBlocks) {
    const std::int64_t blocks = g.source_blocks - b < kBlocks ? g.source_blocks - b : kBlocks;
    for (std::int64_t t = 0; t < tiles; t += Group) {
      inputs_of_next.fetch();
      outputs.fetch();
      multiply<Block, Group, Pair>(blocks, g.capacity, inputs + (b * g.capacity + t) * Block,
                                   weights + b * Block * Pair * Block, products + t * Block, b > 0);
    }
  }
}

template <int Block, int Group>
MEBM_INLINE void multiply_chunk(const Geometry& g, const Chunk& c, const Scratch& s, std::int64_t first,
                                std::int64_t count) {
  const std::int64_t channels = g.source_blocks * Block, block_weights = kPositions * channels * Block;
  const std::int64_t calls = kPositions * ((c.tiles + Group - 1) / Group) * ((count + 1) / 2);
  Fetcher<Block> outputs(g, c.destination + first * g.height * g.width * Block, g.destination_blocks, count,
                         c.first_tile, c.tiles);
  outputs.begin(0, 1, calls);
  Fetcher<Block> next(g, c.source, g.source_blocks, g.source_blocks, c.first_tile + c.tiles, c.next_tiles);
  const std::int64_t steps = (g.destination_blocks + g.destination_chunk - 1) / g.destination_chunk;
  next.begin(first / g.destination_chunk, steps, calls);
  for (int p = 0; p < kPositions; ++p) {
    const float* inputs = s.inputs + p * s.input_stride;
    float* products = s.products + p * s.product_stride;
    for (std::int64_t k = 0; k < count; k += 2) {
      const bool pair = first + k + 1 < g.destination_blocks;
      const float* weights = c.weights + (first + k) * block_weights + p * channels * (pair ? 2 : 1) * Block;
      float* out = products + k * g.capacity * Block;
      if (pair)
        multiply_position<Block, Group, 2>(g, c.tiles, inputs, weights, out, next, outputs);
      else
        multiply_position<Block, Group, 1>(g, c.tiles, inputs, weights, out, next, outputs);
    }
  }
}

}  // namespace
}  // namespace mebm::kernels::conv2d::winograd

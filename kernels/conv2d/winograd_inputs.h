#pragma once
// The transform of inputs, for winograd_template.h.

#include "kernels/conv2d/winograd_lanes.h"

namespace mebm::kernels::conv2d::winograd {
namespace {

// Vertical transforms of `columns` pixels of six rows.
template <int Block>
MEBM_STAGE transform_rows(const float* const* rows, std::int64_t columns, float* out, std::int64_t step) {
  const float *r0 = rows[0], *r1 = rows[1], *r2 = rows[2], *r3 = rows[3], *r4 = rows[4], *r5 = rows[5];
  for (std::int64_t x = 0; x < columns * Block; x += Block) {
    const Vector<Block> d[kInputTile] = {at<Block>(r0 + x), at<Block>(r1 + x), at<Block>(r2 + x),
                                         at<Block>(r3 + x), at<Block>(r4 + x), at<Block>(r5 + x)};
    input_transform<Block>(d, out + x, step);
  }
}

// Horizontal transforms of one row of `tiles` neighbouring tiles.
template <int Block>
MEBM_STAGE transform_strip(const float* strip, std::int64_t tiles, float* out, std::int64_t stride) {
  for (const float* end = out + tiles * Block; out != end; out += Block, strip += kTile * Block) {
    Vector<Block> d[kInputTile];
    for (int j = 0; j < kInputTile; ++j) d[j] = at<Block>(strip + j * Block);
    input_transform<Block>(d, out, stride);
  }
}

// The vertical transform of the pixels a segment needs, [6][columns], shared by neighbouring tiles.
template <int Block>
MEBM_INLINE void transform_columns(const Geometry& g, const Segment& s, const float* map,
                                   const Scratch& scratch) {
  using V = Vector<Block>;
  const std::int64_t columns = s.count * kTile + 2, step = columns * Block;
  const std::int64_t left = s.first * kTile - 1, top = s.row * kTile - 1;
  const float* rows[kInputTile];
  for (int i = 0; i < kInputTile; ++i) {
    const std::int64_t y = top + i;
    rows[i] = y >= 0 && y < g.height ? map + y * g.width * Block : scratch.zeros;
  }
  const std::int64_t begin = left < 0 ? 0 : left, end = left + columns < g.width ? left + columns : g.width;
  const auto clear = [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t x = from; x < to; ++x)
      for (int i = 0; i < kInputTile; ++i) at<Block>(scratch.strip + i * step + (x - left) * Block) = V{};
  };
  clear(left, begin);
  for (const float*& row : rows) row += begin * Block;
  transform_rows<Block>(rows, end - begin, scratch.strip + (begin - left) * Block, step);
  clear(end, left + columns);
}

template <int Block>
MEBM_INLINE void transform_inputs(const Geometry& g, const Chunk& c, const Scratch& scratch, int tile_group) {
  using V = Vector<Block>;
  for (std::int64_t x = 0; x < g.width; ++x) at<Block>(scratch.zeros + x * Block) = V{};
  const std::int64_t pixels = g.height * g.width * Block;
  for_each_segment(
      g, c, [&](const Segment& s) __attribute__((always_inline)) {
        for (std::int64_t block = 0; block < g.source_blocks; ++block) {
          transform_columns<Block>(g, s, c.source + (s.image * g.source_blocks + block) * pixels, scratch);
          const std::int64_t step = (s.count * kTile + 2) * Block;
          for (int i = 0; i < kInputTile; ++i) {
            float* out = scratch.inputs + i * kInputTile * scratch.input_stride +
                         (block * g.capacity + s.slot) * Block;
            transform_strip<Block>(scratch.strip + i * step, s.count, out, scratch.input_stride);
          }
        }
      });
  // The last group is multiplied whole.
  const std::int64_t padded = (c.tiles + tile_group - 1) / tile_group * tile_group;
  for (std::int64_t p = 0; padded != c.tiles && p < kPositions; ++p)
    for (std::int64_t block = 0; block < g.source_blocks; ++block)
      for (std::int64_t t = c.tiles; t < padded; ++t)
        at<Block>(scratch.inputs + p * scratch.input_stride + (block * g.capacity + t) * Block) = V{};
}

}  // namespace
}  // namespace mebm::kernels::conv2d::winograd

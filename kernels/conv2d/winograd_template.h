#pragma once
// Included once by each winograd_<instructions>.cpp, which is compiled with that instruction set: everything
// has internal linkage, so that no other file ends up calling code its processor may lack. For the same
// reason nothing of the standard library is called here.
//
// One vector is one pixel of one channel block; transforms never move values between lanes.

#include "kernels/conv2d/winograd_gradient.h"
#include "kernels/conv2d/winograd_inputs.h"
#include "kernels/conv2d/winograd_products.h"
#include "kernels/conv2d/winograd_weights.h"

namespace mebm::kernels::conv2d::winograd {
namespace {

// Columns > 0: a count known when compiled.
template <int Block, int Columns>
MEBM_INLINE void store_row(const Vector<Block> (&y)[kTile], std::int64_t columns, bool accumulate,
                           float* out) {
  for (std::int64_t j = 0; j < (Columns > 0 ? Columns : columns); ++j)
    at<Block>(out + j * Block) = accumulate ? at<Block>(out + j * Block) + y[j] : y[j];
}

// One tile of one channel block: 36 products `stride` apart to `rows` x `columns` pixels.
template <int Block>
MEBM_STAGE transform_tile(const float* products, std::int64_t stride, const Vector<Block>& bias,
                          bool accumulate, std::int64_t rows, std::int64_t columns, float* out,
                          std::int64_t row_step) {
  using V = Vector<Block>;
  alignas(sizeof(V)) V half[kTile][kInputTile];
  for (int j = 0; j < kInputTile; ++j, products += stride) {
    V m[kInputTile], y[kTile];
    for (int i = 0; i < kInputTile; ++i) m[i] = at<Block>(products + i * kInputTile * stride);
    output_transform<Block>(m, y);
    for (int i = 0; i < kTile; ++i) half[i][j] = y[i];
  }
  for (std::int64_t i = 0; i < rows; ++i, out += row_step) {
    V y[kTile];
    output_transform<Block>(half[i], y);
    for (int j = 0; j < kTile; ++j) y[j] += bias;
    if (columns == kTile)
      store_row<Block, kTile>(y, kTile, accumulate, out);
    else
      store_row<Block, 0>(y, columns, accumulate, out);
  }
}

template <int Block>
MEBM_INLINE void transform_outputs(const Geometry& g, const Chunk& c, const Scratch& scratch,
                                   std::int64_t first, std::int64_t count) {
  const std::int64_t pixels = g.height * g.width * Block;
  for_each_segment(
      g, c, [&](const Segment& s) __attribute__((always_inline)) {
        const std::int64_t rows = g.height - s.row * kTile < kTile ? g.height - s.row * kTile : kTile;
        for (std::int64_t k = 0; k < count; ++k) {
          const Vector<Block> bias =
              c.bias != nullptr ? at<Block>(c.bias + (first + k) * Block) : Vector<Block>{};
          float* map = c.destination + (s.image * g.destination_blocks + first + k) * pixels +
                       (s.row * kTile * g.width + s.first * kTile) * Block;
          const float* products = scratch.products + (k * g.capacity + s.slot) * Block;
          for (std::int64_t t = 0; t < s.count; ++t, map += kTile * Block, products += Block) {
            const std::int64_t rest = g.width - (s.first + t) * kTile;
            transform_tile<Block>(products, scratch.product_stride, bias, c.accumulate, rows,
                                  rest < kTile ? rest : kTile, map, g.width * Block);
          }
        }
      });
}

template <int Block, int Group>
void convolve(const Geometry& g, const Chunk& c) {
  const Scratch scratch = scratch_of<Block>(g, c.scratch);
  transform_inputs<Block>(g, c, scratch, Group);
  for (std::int64_t first = 0; first < g.destination_blocks; first += g.destination_chunk) {
    const std::int64_t rest = g.destination_blocks - first;
    const std::int64_t count = rest < g.destination_chunk ? rest : g.destination_chunk;
    multiply_chunk<Block, Group>(g, c, scratch, first, count);
    transform_outputs<Block>(g, c, scratch, first, count);
  }
}

template <int Block, int Group, int GradientGroup>
Kernels kernels() {
  return {Group, convolve<Block, Group>, prepare<Block>, add_gradient<Block, GradientGroup>, collect<Block>};
}

}  // namespace
}  // namespace mebm::kernels::conv2d::winograd

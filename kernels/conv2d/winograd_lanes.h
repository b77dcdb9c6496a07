#pragma once
// Vectors, transforms of one line, scratch memory and the order of tiles, for winograd_template.h, which says
// how this may be included.

#include "kernels/compat/multiversion.h"
#include "kernels/conv2d/winograd_kernels.h"

namespace mebm::kernels::conv2d::winograd {
namespace {

template <int Block>
struct Lanes;
template <>
struct Lanes<8> {
  using Vector = float __attribute__((vector_size(32), aligned(4), may_alias));
};
template <>
struct Lanes<16> {
  using Vector = float __attribute__((vector_size(64), aligned(4), may_alias));
};
template <int Block>
using Vector = typename Lanes<Block>::Vector;

template <int Block>
MEBM_INLINE Vector<Block>& at(float* memory) {
  return *reinterpret_cast<Vector<Block>*>(memory);
}
template <int Block>
MEBM_INLINE const Vector<Block>& at(const float* memory) {
  return *reinterpret_cast<const Vector<Block>*>(memory);
}

constexpr float kA = kNear, kB = kFar, kA2 = kA * kA, kB2 = kB * kB, kA3 = kA * kA2, kB3 = kB * kB2;
constexpr float kSum = kA2 + kB2, kProduct = kA2 * kB2;

// B^T d: six values, `step` floats apart, to six, `out_step` apart.
template <int Block>
MEBM_INLINE void input_transform(const Vector<Block> (&d)[6], float* out, std::int64_t out_step) {
  using V = Vector<Block>;
  const V even_a = d[4] - kB2 * d[2], odd_a = d[3] - kB2 * d[1];
  const V even_b = d[4] - kA2 * d[2], odd_b = d[3] - kA2 * d[1];
  at<Block>(out) = d[4] - kSum * d[2] + kProduct * d[0];
  at<Block>(out + out_step) = even_a + kA * odd_a;
  at<Block>(out + 2 * out_step) = even_a - kA * odd_a;
  at<Block>(out + 3 * out_step) = even_b + kB * odd_b;
  at<Block>(out + 4 * out_step) = even_b - kB * odd_b;
  at<Block>(out + 5 * out_step) = d[5] - kSum * d[3] + kProduct * d[1];
}

// A^T m: six values to four.
template <int Block>
MEBM_INLINE void output_transform(const Vector<Block> (&m)[6], Vector<Block> (&y)[4]) {
  using V = Vector<Block>;
  const V sum_a = m[1] + m[2], difference_a = m[1] - m[2];
  const V sum_b = m[3] + m[4], difference_b = m[3] - m[4];
  y[0] = m[0] + sum_a + sum_b;
  y[1] = kA * difference_a + kB * difference_b;
  y[2] = kA2 * sum_a + kB2 * sum_b;
  y[3] = m[5] + kA3 * difference_a + kB3 * difference_b;
}

struct Scratch {
  float *inputs, *products, *strip, *zeros;
  std::int64_t input_stride, product_stride;
};

template <int Block>
MEBM_INLINE Scratch scratch_of(const Geometry& g, float* memory) {
  Scratch s;
  s.input_stride = input_stride(g, Block);
  s.product_stride = product_stride(g, Block);
  s.inputs = memory;
  s.products = s.inputs + kPositions * s.input_stride;
  s.strip = s.products + kPositions * s.product_stride;
  s.zeros = s.strip + odd_lines(kInputTile * strip_columns(g) * Block);
  return s;
}

// Consecutive tiles of one tile row: columns first ... first + count - 1, stored from `slot` on.
struct Segment {
  std::int64_t image, row, first, count, slot;
};

template <typename Body>
MEBM_INLINE void for_each_segment(const Geometry& g, const Chunk& c, const Body& body) {
  const std::int64_t tiles_of_image = g.tile_rows * g.tile_columns;
  for (std::int64_t slot = 0; slot < c.tiles;) {
    const std::int64_t tile = c.first_tile + slot, inside = tile % tiles_of_image;
    Segment s{tile / tiles_of_image, inside / g.tile_columns, inside % g.tile_columns, 0, slot};
    const std::int64_t rest = g.tile_columns - s.first, wanted = c.tiles - slot;
    s.count = rest < wanted ? rest : wanted;
    body(s);
    slot += s.count;
  }
}

// Functions of their own, so that their loops have the registers to themselves.
#define MEBM_STAGE __attribute__((noinline)) void

}  // namespace
}  // namespace mebm::kernels::conv2d::winograd

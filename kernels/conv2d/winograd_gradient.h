#pragma once
// Weight gradients, for winograd_template.h: with y = A^T [(G g G^T) . (B^T d B)] A,
//   dg = G^T [sum over tiles of (A dy A^T) . (B^T d B)] G.

#include "kernels/conv2d/winograd_inputs.h"
#include "kernels/conv2d/winograd_products.h"

namespace mebm::kernels::conv2d::winograd {
namespace {

// A y: four values to six, `step` apart.
template <int Block>
MEBM_INLINE void gradient_transform(const Vector<Block> (&y)[kTile], float* out, std::int64_t step) {
  using V = Vector<Block>;
  const V even_a = y[0] + kA2 * y[2], odd_a = kA * y[1] + kA3 * y[3];
  const V even_b = y[0] + kB2 * y[2], odd_b = kB * y[1] + kB3 * y[3];
  at<Block>(out) = y[0];
  at<Block>(out + step) = even_a + odd_a;
  at<Block>(out + 2 * step) = even_a - odd_a;
  at<Block>(out + 3 * step) = even_b + odd_b;
  at<Block>(out + 4 * step) = even_b - odd_b;
  at<Block>(out + 5 * step) = y[3];
}

// One tile of one channel block: rows x columns pixels, the rest zero, to 36 vectors `stride` apart.
template <int Block>
MEBM_STAGE transform_gradient_tile(const float* map, std::int64_t row_step, std::int64_t rows,
                                   std::int64_t columns, float* out, std::int64_t stride) {
  using V = Vector<Block>;
  alignas(sizeof(V)) float half[kInputTile * kTile * Block];
  for (int j = 0; j < kTile; ++j) {
    V y[kTile];
    for (int i = 0; i < kTile; ++i)
      y[i] = i < rows && j < columns ? at<Block>(map + i * row_step + j * Block) : V{};
    gradient_transform<Block>(y, half + j * Block, kTile * Block);
  }
  for (int i = 0; i < kInputTile; ++i, out += kInputTile * stride) {
    V y[kTile];
    for (int j = 0; j < kTile; ++j) y[j] = at<Block>(half + (i * kTile + j) * Block);
    gradient_transform<Block>(y, out, stride);
  }
}

// The gradients of Pair channel blocks from `first` on, to [position][tile][Pair][Block].
template <int Block, int Pair>
MEBM_INLINE void transform_gradients(const Geometry& g, const Chunk& c, const Scratch& scratch,
                                     const float* dy, std::int64_t first) {
  const std::int64_t row_step = g.width * Block, pixels = g.height * row_step;
  for_each_segment(
      g, c, [&](const Segment& s) __attribute__((always_inline)) {
        const std::int64_t rows = g.height - s.row * kTile < kTile ? g.height - s.row * kTile : kTile;
        for (int k = 0; k < Pair; ++k) {
          const float* map = dy + (s.image * g.destination_blocks + first + k) * pixels +
                             s.row * kTile * row_step + s.first * kTile * Block;
          for (std::int64_t t = 0; t < s.count; ++t, map += kTile * Block) {
            const std::int64_t rest = g.width - (s.first + t) * kTile;
            float* out = scratch.products + ((s.slot + t) * Pair + k) * Block;
            if (rows == kTile && rest >= kTile)
              transform_gradient_tile<Block>(map, row_step, kTile, kTile, out, scratch.product_stride);
            else
              transform_gradient_tile<Block>(map, row_step, rows, rest, out, scratch.product_stride);
          }
        }
      });
}

// sums [Group][Pair][Block] += sum over tiles of inputs [tile][Block], `Group` of them, x gradients
// [tile][Pair][Block]. A chunk is summed by itself first.
template <int Block, int Group, int Pair>
MEBM_INLINE void add_products(std::int64_t tiles, const float* inputs, const float* gradients, float* sums) {
  using V = Vector<Block>;
  V total[Group][Pair];
  for (int c = 0; c < Group; ++c)
    for (int k = 0; k < Pair; ++k) total[c][k] = V{};
#pragma GCC unroll 4
  for (std::int64_t t = 0; t < tiles; ++t) {
    V d[Pair];
    for (int k = 0; k < Pair; ++k) d[k] = at<Block>(gradients + (t * Pair + k) * Block);
#pragma GCC unroll 16
    for (int c = 0; c < Group; ++c) {
      const float x = inputs[t * Block + c];
#pragma GCC unroll 2
      for (int k = 0; k < Pair; ++k) total[c][k] += x * d[k];
    }
  }
  for (int c = 0; c < Group; ++c)
    for (int k = 0; k < Pair; ++k) at<Block>(sums + (c * Pair + k) * Block) += total[c][k];
}

template <int Block, int Group, int Pair>
MEBM_INLINE void gradient_of_pair(const Geometry& g, const Chunk& c, const Scratch& s, const float* dy,
                                  std::int64_t first, float* sums, Fetcher<Block>& inputs_of_next,
                                  Fetcher<Block>& next_gradients) {
  transform_gradients<Block, Pair>(g, c, s, dy, first);
  for (int p = 0; p < kPositions; ++p)
    for (std::int64_t b = 0; b < g.source_blocks; ++b)
      for (int from = 0; from < Block; from += Group, sums += Group * Pair * Block) {
        inputs_of_next.fetch();
        next_gradients.fetch();
        add_products<Block, Group, Pair>(c.tiles,
                                         s.inputs + p * s.input_stride + b * g.capacity * Block + from,
                                         s.products + p * s.product_stride, sums);
      }
}

// Adds a chunk's part to the sums of output channel blocks first ... end - 1, laid out as prepared weights.
template <int Block, int Group>
void add_gradient(const Geometry& g, const GradientChunk& work) {
  const Chunk& c = work.tiles;
  const Scratch scratch = scratch_of<Block>(g, c.scratch);
  transform_inputs<Block>(g, c, scratch, 1);
  const std::int64_t pairs = (work.end - work.first + 1) / 2, map_floats = g.height * g.width * Block;
  const std::int64_t calls = kPositions * g.source_blocks * (Block / Group);
  for (std::int64_t k = work.first; k < work.end; k += 2) {
    Fetcher<Block> inputs(g, c.source, g.source_blocks, g.source_blocks, c.first_tile + c.tiles,
                          c.next_tiles);
    inputs.begin((k - work.first) / 2, pairs, calls);
    const bool last = k + 2 >= work.end;
    const std::int64_t next = last ? work.first : k + 2;
    Fetcher<Block> gradients(g, work.dy + next * map_floats, g.destination_blocks,
                             work.end - next < 2 ? 1 : 2, last ? c.first_tile + c.tiles : c.first_tile,
                             last ? c.next_tiles : c.tiles);
    gradients.begin(0, 1, calls);
    float* sums = work.sums + k * kPositions * g.source_blocks * Block * Block;
    if (k + 1 < work.end)
      gradient_of_pair<Block, Group, 2>(g, c, scratch, work.dy, k, sums, inputs, gradients);
    else
      gradient_of_pair<Block, Group, 1>(g, c, scratch, work.dy, k, sums, inputs, gradients);
  }
}

// G^T u in fp64: six values to three.
template <int Lane>
MEBM_INLINE void kernel_gradient(const double (&u)[6][Lane], double (&out)[3][Lane]) {
  for (int l = 0; l < Lane; ++l) {
    const double sum_a = kWeightA * (u[1][l] + u[2][l]), difference_a = kWeightA * (u[1][l] - u[2][l]);
    const double sum_b = kWeightB * (u[3][l] + u[4][l]), difference_b = kWeightB * (u[3][l] - u[4][l]);
    out[0][l] = kWeight0 * u[0][l] + sum_a + sum_b;
    out[1][l] = kNear * difference_a + kFar * difference_b;
    out[2][l] = u[5][l] + kNear * kNear * sum_a + kFar * kFar * sum_b;
  }
}

// Output channels first ... first + Lane - 1 of the plain gradient.
template <int Lane>
MEBM_STAGE collect_lanes(const Collection& w, std::int64_t first) {
  const std::int64_t offset = first * kPositions * w.source_channels, step = w.source_channels * Lane;
  for (std::int64_t c = 0; c < w.source_channels; ++c) {
    alignas(64) double u[6][Lane], half[3][6][Lane], row[6][Lane], g[3][Lane];
    for (int j = 0; j < kInputTile; ++j) {
      for (int i = 0; i < kInputTile; ++i) {
        for (int l = 0; l < Lane; ++l) u[i][l] = 0;
        const float* sums = w.sums + offset + (i * kInputTile + j) * step + c * Lane;
        for (std::int64_t part = 0; part < w.parts; ++part, sums += w.part_floats)
          for (int l = 0; l < Lane; ++l) u[i][l] += static_cast<double>(sums[l]);
      }
      kernel_gradient<Lane>(u, g);
      for (int r = 0; r < 3; ++r)
        for (int l = 0; l < Lane; ++l) half[r][j][l] = g[r][l];
    }
    for (int r = 0; r < 3; ++r) {
      for (int j = 0; j < kInputTile; ++j)
        for (int l = 0; l < Lane; ++l) row[j][l] = half[r][j][l];
      kernel_gradient<Lane>(row, g);
      for (int l = 0; l < Lane; ++l)
        for (int s = 0; s < 3; ++s) {
          float& out = w.plain[((first + l) * w.source_channels + c) * 9 + r * 3 + s];
          out = static_cast<float>(g[s][l]) + (w.accumulate ? out : 0.0f);
        }
    }
  }
}

template <int Block>
void collect(const Collection& w, std::int64_t pair) {
  const std::int64_t first = pair * 2 * Block;
  if (first + Block < w.destination_channels)
    collect_lanes<2 * Block>(w, first);
  else
    collect_lanes<Block>(w, first);
}

}  // namespace
}  // namespace mebm::kernels::conv2d::winograd

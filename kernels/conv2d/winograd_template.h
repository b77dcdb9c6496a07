#pragma once
// Included once by each winograd_<instructions>.cpp, which is compiled with that instruction set: everything
// has internal linkage, so that no other file ends up calling code its processor may lack. For the same
// reason nothing of the standard library is called here.
//
// One vector is one pixel of one channel block; transforms never move values between lanes.

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

// G g in fp64 for as many kernels as there are lanes: three values to six.
template <int Lane>
MEBM_INLINE void kernel_transform(const double (&g)[3][Lane], double (&out)[6][Lane]) {
  constexpr double a = kNear, b = kFar, a2 = a * a, b2 = b * b;
  constexpr double n0 = 1 / (a2 * b2), na = 1 / (2 * a2 * (a2 - b2)), nb = 1 / (2 * b2 * (b2 - a2));
  for (int l = 0; l < Lane; ++l) {
    const double even_a = na * (g[0][l] + a2 * g[2][l]), odd_a = na * a * g[1][l];
    const double even_b = nb * (g[0][l] + b2 * g[2][l]), odd_b = nb * b * g[1][l];
    out[0][l] = n0 * g[0][l];
    out[1][l] = even_a + odd_a;
    out[2][l] = even_a - odd_a;
    out[3][l] = even_b + odd_b;
    out[4][l] = even_b - odd_b;
    out[5][l] = g[2][l];
  }
}

// For the output channels first ... first + Lane - 1, one or two blocks of them.
template <int Lane>
MEBM_STAGE prepare_lanes(const Preparation& w, std::int64_t first) {
  const std::int64_t step_k = 9 * (w.mirrored ? 1 : w.source_channels);
  const std::int64_t step_c = 9 * (w.mirrored ? w.destination_channels : 1);
  float* prepared = w.prepared + first * kPositions * w.source_channels;
  for (std::int64_t c = 0; c < w.source_channels; ++c, prepared += Lane) {
    const float* kernels = w.plain + c * step_c + first * step_k;
    alignas(64) double g[3][3][Lane], half[3][6][Lane], row[3][Lane], u[6][Lane];
    for (int l = 0; l < Lane; ++l)
      for (int i = 0; i < 9; ++i)
        g[i % 3][i / 3][l] = static_cast<double>(kernels[l * step_k + (w.mirrored ? 8 - i : i)]);
    for (int s = 0; s < 3; ++s) kernel_transform<Lane>(g[s], half[s]);
    for (int i = 0; i < kInputTile; ++i) {
      for (int s = 0; s < 3; ++s)
        for (int l = 0; l < Lane; ++l) row[s][l] = half[s][i][l];
      kernel_transform<Lane>(row, u);
      for (int j = 0; j < kInputTile; ++j)
        for (int l = 0; l < Lane; ++l)
          prepared[(i * kInputTile + j) * w.source_channels * Lane + l] = static_cast<float>(u[j][l]);
    }
  }
}

template <int Block>
void prepare(const Preparation& w, std::int64_t pair) {
  const std::int64_t first = pair * 2 * Block;
  if (first + Block < w.destination_channels)
    prepare_lanes<2 * Block>(w, first);
  else
    prepare_lanes<Block>(w, first);
}

template <int Block, int Group>
Kernels kernels() {
  return {Group, convolve<Block, Group>, prepare<Block>};
}

}  // namespace
}  // namespace mebm::kernels::conv2d::winograd

#pragma once
// The computing parts of the Winograd convolutions F(4x4, 3x3): the same templates (winograd_template.h)
// compiled for several instruction sets.
//
// An output tile of 4x4 pixels needs 6x6 input pixels. With the interpolation points 0, +-a, +-b and infinity
// (a = 5/8, b = 3/2: all constants of the transforms are exact in fp32, and the error is half of that of the
// usual 1 and 2)
//   y = A^T [sum over input channels of (G g G^T) . (B^T d B)] A
// takes 36 multiplications for each pair of channels where the definition takes 144.
// Lavin and Gray, CVPR 2016; points: Barabasz et al., ACM TOMS 46 (2020).

#include <cstddef>
#include <cstdint>

namespace mebm::kernels::conv2d::winograd {

constexpr int kTile = 4, kInputTile = 6, kPositions = 36;
constexpr double kNear = 0.625, kFar = 1.5;
// Factors of G's rows: 1 / product of a point's distances to the others.
constexpr double kWeight0 = 1 / (kNear * kNear * kFar * kFar);
constexpr double kWeightA = 1 / (2 * kNear * kNear * (kNear * kNear - kFar * kFar));
constexpr double kWeightB = 1 / (2 * kFar * kFar * (kFar * kFar - kNear * kNear));

enum class Instructions { portable, avx2, avx512 };

// One convolution of channel-blocked maps [image][channel block][height][width][block], output of the input's
// size. `destination_chunk` channel blocks are multiplied, then transformed, together.
struct Geometry {
  std::int64_t height, width, tile_rows, tile_columns;  // tiles of an image
  std::int64_t source_blocks, destination_blocks, destination_chunk;
  std::int64_t capacity;  // tiles of the largest chunk, a multiple of Kernels::tile_group
};

// Tiles first_tile ... first_tile + tiles - 1 of all images' tiles in order.
struct Chunk {
  const float* source;
  const float* weights;  // prepared
  const float* bias;     // or null
  float* destination;
  bool accumulate;  // destination holds a residual
  float* scratch;   // scratch_floats(), 64-byte aligned
  std::int64_t first_tile, tiles;
  std::int64_t next_tiles;  // of the chunk that follows; its inputs are fetched beside the work
};

// Plain weights O,I,3,3 to [pair of output channel blocks][position][input channel][block of the
// pair][block]; an odd last block stands alone. With `mirrored` the roles of O and I are exchanged and the
// kernels rotated by half a turn: the weights of backward_data.
struct Preparation {
  const float* plain;
  float* prepared;
  std::int64_t source_channels, destination_channels;  // of the prepared convolution
  bool mirrored;
};

// A chunk's part of the weight gradient, for output channel blocks first ... end - 1 (first even). Of `tiles`
// source, scratch and the ranges of tiles are used; Geometry::destination_chunk is 2.
struct GradientChunk {
  Chunk tiles;
  const float* dy;
  float* sums;  // laid out as prepared weights, added to
  std::int64_t first, end;
};

// Sums of `parts` parts of the tiles, part_floats apart, to the plain gradient O,I,3,3.
struct Collection {
  const float* sums;
  std::int64_t parts, part_floats;
  float* plain;
  std::int64_t source_channels, destination_channels;
  bool accumulate;
};

struct Kernels {
  int tile_group;  // tiles multiplied at once
  void (*convolve)(const Geometry&, const Chunk&);
  // Of one pair of output channel blocks.
  void (*prepare)(const Preparation&, std::int64_t pair);
  void (*add_gradient)(const Geometry&, const GradientChunk&);
  // Of one pair of output channel blocks.
  void (*collect)(const Collection&, std::int64_t pair);
};

// The best instructions this processor has for a channel block of 8 or 16.
Instructions best_instructions(int block);
// Null members where the block is neither 8 nor 16 or the build lacks the instructions; the caller makes sure
// that the processor has them.
Kernels kernels_of(Instructions instructions, int block);

Kernels portable_kernels(int block);
Kernels avx2_kernels(int block);
Kernels avx512_kernels(int block);

// Distances of one position's transformed inputs and products in the scratch memory: whole cache lines, an
// odd number of them, so that the 36 positions of a tile spread over the sets of a cache.
constexpr std::int64_t odd_lines(std::int64_t floats) {
  return ((floats + 15) / 16 | 1) * 16;
}
constexpr std::int64_t input_stride(const Geometry& g, int block) {
  return odd_lines(g.source_blocks * g.capacity * block);
}
constexpr std::int64_t product_stride(const Geometry& g, int block) {
  return odd_lines(g.destination_chunk * g.capacity * block);
}
// A tile row after the vertical transform, with a column of padding before and up to four after it.
constexpr std::int64_t strip_columns(const Geometry& g) {
  return g.tile_columns * kTile + 2;
}
constexpr std::int64_t scratch_floats(const Geometry& g, int block) {
  return kPositions * (input_stride(g, block) + product_stride(g, block)) +
         odd_lines(kInputTile * strip_columns(g) * block) + odd_lines(g.width * block);
}

}  // namespace mebm::kernels::conv2d::winograd

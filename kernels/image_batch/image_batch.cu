#include "kernels/compat/cuda.h"
#include "kernels/image_batch/image_batch.h"
#include "kernels/random_normal/normal_math.h"

namespace mebm::kernels::image_batch::device {
namespace {

// Coordinate of the unpadded axis that `i` reflects to, -extent < i < 2 extent - 1: the edge is not repeated.
__device__ __forceinline__ int reflect(int i, int extent) {
  if (i < 0) return -i;
  return i < extent ? i : 2 * (extent - 1) - i;
}

// The plane sizes of an image as the 32-bit numbers the kernel computes with.
struct Extents {
  int height, width, elements, padding;
};

// Where pixel (row, column) of a crop's plane comes from.
__device__ __forceinline__ int source_pixel(const Row& crop, const Extents& extents, int row, int column) {
  if (crop.cropped == 0) return row * extents.width + column;
  const int window = crop.flip != 0 ? extents.width - 1 - column : column;
  return reflect(row + crop.row_offset - extents.padding, extents.height) * extents.width +
         reflect(window + crop.column_offset - extents.padding, extents.width);
}

// Decoded values of elements first ... first + 3 of a batch row's image; 0 past the image.
template <typename Real, typename Pixel>
__device__ __forceinline__ void decode_four(const Extents& extents, const Row& row,
                                            const Pixel* __restrict__ image, int first, Real divisor,
                                            Real shift, Real value[4]) {
  const int plane = extents.height * extents.width;
  int begin = first / plane * plane;  // of the element's channel
  int pixel_row = (first - begin) / extents.width;
  int column = first - begin - pixel_row * extents.width;
  for (int i = 0; i < 4; ++i) {
    value[i] = Real(0);
    if (first + i < extents.elements)
      value[i] =
          static_cast<Real>(image[begin + source_pixel(row, extents, pixel_row, column)]) / divisor + shift;
    if (++column == extents.width) {
      column = 0;
      if (++pixel_row == extents.height) {
        pixel_row = 0;
        begin += plane;
      }
    }
  }
}

// One thread for four elements of an image (one Philox call serves them); blocks_per_row blocks an image.
// wide: images start at 16-byte boundaries of out.
template <typename Real, typename Pixel>
__global__ void load_kernel(Params params, Extents extents, std::uint32_t blocks_per_row, bool wide,
                            const Pixel* __restrict__ images, const Row* __restrict__ rows,
                            Real* __restrict__ out) {
  const std::uint32_t batch_row = blockIdx.x / blocks_per_row;
  const std::uint32_t group = (blockIdx.x - batch_row * blocks_per_row) * blockDim.x + threadIdx.x;
  const int first = static_cast<int>(4 * group);
  if (first >= extents.elements) return;
  const Row row = rows[batch_row];
  Real value[4];
  decode_four(extents, row, images + std::int64_t{row.image} * extents.elements, first,
              static_cast<Real>(params.divisor), static_cast<Real>(params.shift), value);
  if (params.noise > 0) {
    Real normals[4];
    normals_from_words(random_words(params.key, RandomPurpose::data_noise, *params.iteration_cell,
                                    params.first_slot + batch_row, 0, group),
                       normals);
    for (int i = 0; i < 4; ++i) value[i] = static_cast<Real>(params.noise) * normals[i] + value[i];
  }
  Real* const to = out + std::int64_t{batch_row} * extents.elements + first;
  if (wide) {
    constexpr int kSize = Vector<Real>::kSize;
    for (int begin = 0; begin < 4; begin += kSize) {
      Vector<Real> vector;
      for (int i = 0; i < kSize; ++i) vector.value[i] = value[begin + i];
      store_vector(to + begin, vector);
    }
  } else {
    for (int i = 0; i < 4; ++i)
      if (first + i < extents.elements) to[i] = value[i];
  }
}

std::string sizes_text(const Params& p) {
  return std::to_string(p.rows) + " x " + std::to_string(p.channels) + " x " + std::to_string(p.height) +
         " x " + std::to_string(p.width) + ", padding " + std::to_string(p.padding);
}

std::string problem_of(const Params& p) {
  if (p.padding < 0 || p.padding >= p.height || p.padding >= p.width)
    return "images cannot be reflect-padded by that much: both sides must be larger";
  if (p.channels * p.height * p.width > 0x7FFFFFF0)
    return "an image has more values than a 32-bit index holds";
  if (p.noise > 0 && p.iteration_cell == nullptr) return "noise needs the cell that holds the iteration";
  return {};
}

}  // namespace

template <typename Real, typename Pixel>
Status load(const DeviceExec& exec, const Params& params, const Pixel* images, const Row* rows, Real* out) {
  const std::int64_t elements = params.channels * params.height * params.width;
  if (params.rows * elements == 0) return {};
  if (const std::string problem = problem_of(params); !problem.empty())
    return Status("image_batch load (" + sizes_text(params) + "): " + problem);
  LaunchShape shape{.name = "image_batch load", .sizes = sizes_text(params)};
  const std::uint32_t blocks_per_row = blocks_for((elements + 3) / 4, shape.block);
  shape.grid_x = static_cast<std::uint32_t>(params.rows) * blocks_per_row;
  const Extents extents{static_cast<int>(params.height), static_cast<int>(params.width),
                        static_cast<int>(elements), static_cast<int>(params.padding)};
  const bool wide = elements % 4 == 0 && reinterpret_cast<std::uintptr_t>(out) % 16 == 0;
  runtime::Accesses accesses;
  accesses.read(images, params.count * elements)
      .read(rows, params.rows)
      .read(params.noise > 0 ? params.iteration_cell : nullptr, 1);
  accesses.write(out, params.rows * elements);
  return launch(exec, shape, accesses, load_kernel<Real, Pixel>, params, extents, blocks_per_row, wide,
                images, rows, out);
}

#define MEBM_INSTANTIATE(Real)                                                                    \
  template Status load(const DeviceExec&, const Params&, const std::uint8_t*, const Row*, Real*); \
  template Status load(const DeviceExec&, const Params&, const float*, const Row*, Real*);
MEBM_FOR_REAL_TYPES(MEBM_INSTANTIATE)

}  // namespace mebm::kernels::image_batch::device

// Batch-norm + LeakyReLU on the CPU. The unit of work is a slab: one channel block of one image, contiguous
// in every layout. Partial sums are kept per (group, chunk of images, channel) and folded in a fixed order.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "kernels/batch_norm/batch_norm.h"
#include "kernels/batch_norm/batch_norm_math.h"
#include "kernels/compat/multiversion.h"

namespace mebm::kernels::batch_norm {
namespace {

constexpr std::int64_t kImagesPerChunk = 8;

std::int64_t chunks_of(std::int64_t rows) {
  return (rows + kImagesPerChunk - 1) / kImagesPerChunk;
}

std::int64_t total_chunks(const Params& params) {
  std::int64_t chunks = 0;
  for (int g = 0; g < params.group_count; ++g) chunks += chunks_of(params.groups[g].count);
  return chunks;
}

// One slab's contribution to two sums per lane; `pixels` vectors of Block lanes.
struct SlabArguments {
  std::int64_t pixels;
  const void* x;
  const void* dz;
  void* out;
  const void* lane[5];  // per-lane constants of type T, Block each
  double leak;
  double* sum;  // two sums per lane: [2][Block]
  bool accumulate;
};

template <typename T, int Block>
MEBM_INLINE void slab_statistics(const SlabArguments& a) {
  const T* x = static_cast<const T*>(a.x);
  const T* pivot = static_cast<const T*>(a.lane[0]);
  constexpr int kUnroll = Block == 1 ? 8 : 1;  // plain layout: independent sums keep the pipeline full
  double s[Block * kUnroll] = {}, q[Block * kUnroll] = {};
  std::int64_t p = 0;
  for (; p + kUnroll <= a.pixels; p += kUnroll)
    for (int i = 0; i < Block * kUnroll; ++i) {
      const double d = static_cast<double>(x[p * Block + i]) - static_cast<double>(pivot[i % Block]);
      s[i] += d;
      q[i] += d * d;
    }
  for (; p < a.pixels; ++p)
    for (int i = 0; i < Block; ++i) {
      const double d = static_cast<double>(x[p * Block + i]) - static_cast<double>(pivot[i]);
      s[i] += d;
      q[i] += d * d;
    }
  for (int i = 0; i < Block * kUnroll; ++i) {
    a.sum[i % Block] += s[i];
    a.sum[Block + i % Block] += q[i];
  }
}

// Loops over the lanes of one pixel, or in the plain layout of kPlainPixels, are declared simd: left alone,
// the compiler unrolls them first and then finds branches on the sign of u where there should be a blend. The
// slope is chosen, not the product, for a product may not be computed where it is not wanted.
constexpr int kPlainPixels = 8;
template <int Block>
constexpr int kLanes = Block == 1 ? kPlainPixels : Block;

// Constants of each lane, repeated in the plain layout.
template <typename T, int Block>
struct LaneConstants {
  T value[kLanes<Block>];

  MEBM_INLINE explicit LaneConstants(const void* lanes) {
    for (int i = 0; i < kLanes<Block>; ++i) value[i] = static_cast<const T*>(lanes)[i % Block];
  }
};

// Runs body(offset, count) on groups of kLanes elements, the last one in the plain layout shorter.
template <int Block, typename Body>
MEBM_INLINE void for_each_vector(std::int64_t pixels, const Body& body) {
  const std::int64_t elements = pixels * Block;
  std::int64_t at = 0;
  for (; at + kLanes<Block> <= elements; at += kLanes<Block>)
    body(at, std::integral_constant<int, kLanes<Block>>());
  if constexpr (Block == 1)
    for (; at < elements; ++at) body(at, std::integral_constant<int, 1>());
}

template <typename T, int Block>
MEBM_INLINE void slab_apply(const SlabArguments& a) {
  const T* x = static_cast<const T*>(a.x);
  T* z = static_cast<T*>(a.out);
  const LaneConstants<T, Block> scale(a.lane[0]), shift(a.lane[1]);
  const T leak = static_cast<T>(a.leak);
  for_each_vector<Block>(
      a.pixels, [&](std::int64_t at, auto count) __attribute__((always_inline)) {
#pragma omp simd
        for (int i = 0; i < count; ++i) {
          const T u = scale.value[i] * x[at + i] + shift.value[i];
          z[at + i] = leaky(u, leak);
        }
      });
}

template <typename T, int Block>
MEBM_INLINE void slab_backward_sums(const SlabArguments& a) {
  const T* x = static_cast<const T*>(a.x);
  const T* dz = static_cast<const T*>(a.dz);
  const LaneConstants<T, Block> scale(a.lane[0]), shift(a.lane[1]), mean(a.lane[2]);
  const T leak = static_cast<T>(a.leak);
  double s[kLanes<Block>] = {}, q[kLanes<Block>] = {};
  for_each_vector<Block>(
      a.pixels, [&](std::int64_t at, auto count) __attribute__((always_inline)) {
        T du[kLanes<Block>], product[kLanes<Block>];
#pragma omp simd
        for (int i = 0; i < count; ++i) {
          du[i] = leaky_gradient(scale.value[i] * x[at + i] + shift.value[i], dz[at + i], leak);
          product[i] = du[i] * (x[at + i] - mean.value[i]);
        }
#pragma omp simd
        for (int i = 0; i < count; ++i) {
          s[i] += static_cast<double>(du[i]);
          q[i] += static_cast<double>(product[i]);
        }
      });
  for (int i = 0; i < kLanes<Block>; ++i) {
    a.sum[i % Block] += s[i];
    a.sum[Block + i % Block] += q[i];
  }
}

template <typename T, int Block, bool Accumulate>
MEBM_INLINE void backward_apply_vectors(const SlabArguments& a) {
  const T* x = static_cast<const T*>(a.x);
  const T* dz = static_cast<const T*>(a.dz);
  T* dx = static_cast<T*>(a.out);
  const LaneConstants<T, Block> scale(a.lane[0]), shift(a.lane[1]), mean(a.lane[2]);
  const LaneConstants<T, Block> constant(a.lane[3]);  // scale sum_du / m
  const LaneConstants<T, Block> slope(a.lane[4]);     // scale inverse_deviation sum_du_xhat / m
  const T leak = static_cast<T>(a.leak);
  for_each_vector<Block>(
      a.pixels, [&](std::int64_t at, auto count) __attribute__((always_inline)) {
#pragma omp simd
        for (int i = 0; i < count; ++i) {
          const T du = leaky_gradient(scale.value[i] * x[at + i] + shift.value[i], dz[at + i], leak);
          const T gradient =
              scale.value[i] * du - constant.value[i] - slope.value[i] * (x[at + i] - mean.value[i]);
          dx[at + i] = Accumulate ? dx[at + i] + gradient : gradient;
        }
      });
}

template <typename T, int Block>
MEBM_INLINE void slab_backward_apply(const SlabArguments& a) {
  if (a.accumulate)
    backward_apply_vectors<T, Block, true>(a);
  else
    backward_apply_vectors<T, Block, false>(a);
}

#define MEBM_SLAB(name)                                                            \
  MEBM_MULTIVERSION void name##_f32_1(const SlabArguments& a) {                    \
    slab_##name<float, 1>(a);                                                      \
  }                                                                                \
  MEBM_MULTIVERSION void name##_f32_8(const SlabArguments& a) {                    \
    slab_##name<float, 8>(a);                                                      \
  }                                                                                \
  MEBM_MULTIVERSION void name##_f32_16(const SlabArguments& a) {                   \
    slab_##name<float, 16>(a);                                                     \
  }                                                                                \
  MEBM_MULTIVERSION void name##_f64_1(const SlabArguments& a) {                    \
    slab_##name<double, 1>(a);                                                     \
  }                                                                                \
  template <typename T>                                                            \
  auto name##_for(int block)->void (*)(const SlabArguments&) {                     \
    if constexpr (sizeof(T) == 8) return name##_f64_1;                             \
    return block == 16 ? name##_f32_16 : block == 8 ? name##_f32_8 : name##_f32_1; \
  }

MEBM_SLAB(statistics)
MEBM_SLAB(apply)
MEBM_SLAB(backward_sums)
MEBM_SLAB(backward_apply)
#undef MEBM_SLAB

using SlabFunction = void (*)(const SlabArguments&);

// The group, first row and row count of chunk `chunk`, counted over all groups.
struct ChunkRange {
  int group;
  std::int64_t begin, count;
};

ChunkRange range_of(const Params& params, std::int64_t chunk) {
  int g = 0;
  for (; chunk >= chunks_of(params.groups[g].count); ++g) chunk -= chunks_of(params.groups[g].count);
  const std::int64_t first = chunk * kImagesPerChunk;
  return {g, params.groups[g].begin + first, std::min(kImagesPerChunk, params.groups[g].count - first)};
}

constexpr int kMaxBlock = 16;

// Copies channels c0 ... of a group's fp64 coefficients into lanes of T; lanes past the last channel get 0.
template <typename T>
void load_lanes(const Params& params, int group, std::int64_t c0, const double* values, T* lanes) {
  const FeatureMap& map = params.map;
  for (int i = 0; i < map.block; ++i)
    lanes[i] = c0 + i < map.channels ? static_cast<T>(values[group * map.channels + c0 + i]) : T(0);
}

// Runs body(range, channel block) for every chunk and channel block, in parallel.
template <typename Body>
void for_each_chunk(const CpuExec& exec, const Params& params, const Body& body) {
  const std::int64_t blocks = params.map.channel_blocks(), tasks = total_chunks(params) * blocks;
#pragma omp parallel for schedule(static) num_threads(exec.threads)
  for (std::int64_t task = 0; task < tasks; ++task) body(task / blocks, task % blocks);
}

// Folds per-chunk sums [chunk][channel block][2][block] into first, second [group][channel], in chunk order.
void fold(const Params& params, const double* partial, double* first, double* second) {
  const FeatureMap& map = params.map;
  std::memset(first, 0, sizeof(double) * static_cast<std::size_t>(params.group_count * map.channels));
  std::memset(second, 0, sizeof(double) * static_cast<std::size_t>(params.group_count * map.channels));
  const std::int64_t chunks = total_chunks(params), blocks = map.channel_blocks();
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
    const int g = range_of(params, chunk).group;
    for (std::int64_t c = 0; c < map.channels; ++c) {
      const double* sums = partial + (chunk * blocks + c / map.block) * 2 * map.block;
      first[g * map.channels + c] += sums[c % map.block];
      second[g * map.channels + c] += sums[map.block + c % map.block];
    }
  }
}

}  // namespace

std::size_t scratch_bytes(const Params& params) {
  return static_cast<std::size_t>(total_chunks(params) * params.map.channel_blocks() * 2 * params.map.block) *
         sizeof(double);
}

template <typename T>
void statistics(const CpuExec& exec, const Params& params, const T* x, double* mean, double* variance,
                void* scratch) {
  const FeatureMap& map = params.map;
  double* partial = static_cast<double*>(scratch);
  const SlabFunction slab = statistics_for<T>(map.block);
  const std::int64_t slab_elements = map.pixels * map.block;
  for_each_chunk(exec, params, [&](std::int64_t chunk, std::int64_t block) {
    const ChunkRange range = range_of(params, chunk);
    double* sums = partial + (chunk * map.channel_blocks() + block) * 2 * map.block;
    std::fill_n(sums, 2 * map.block, 0.0);
    const T* pivot = x + params.groups[range.group].begin * map.image_elements() + block * slab_elements;
    for (std::int64_t n = range.begin; n < range.begin + range.count; ++n)
      slab({.pixels = map.pixels,
            .x = x + n * map.image_elements() + block * slab_elements,
            .dz = nullptr,
            .out = nullptr,
            .lane = {pivot},
            .leak = 0,
            .sum = sums,
            .accumulate = false});
  });
  fold(params, partial, mean, variance);
  for (int g = 0; g < params.group_count; ++g) {
    const double m = static_cast<double>(params.groups[g].count * map.pixels);
    for (std::int64_t c = 0; c < map.channels; ++c) {
      const std::int64_t at = g * map.channels + c;
      const double pivot = static_cast<double>(
          x[params.groups[g].begin * map.image_elements() + c / map.block * slab_elements + c % map.block]);
      const double shifted_mean = mean[at] / m;
      variance[at] = std::max(0.0, variance[at] / m - shifted_mean * shifted_mean);
      mean[at] = pivot + shifted_mean;
    }
  }
}

template <typename T>
void coefficients(const Params& params, const T* gamma, const T* beta, const Coefficients& c) {
  for (int g = 0; g < params.group_count; ++g)
    for (std::int64_t i = 0; i < params.map.channels; ++i) {
      const std::int64_t at = g * params.map.channels + i;
      c.scale[at] = static_cast<double>(gamma[i]) * c.inverse_deviation[at];
      c.shift[at] = static_cast<double>(beta[i]) - c.mean[at] * c.scale[at];
    }
}

template <typename T>
void apply(const CpuExec& exec, const Params& params, const Coefficients& c, const T* x, T* z) {
  const FeatureMap& map = params.map;
  const SlabFunction slab = apply_for<T>(map.block);
  for_each_chunk(exec, params, [&](std::int64_t chunk, std::int64_t block) {
    const ChunkRange range = range_of(params, chunk);
    T scale[kMaxBlock], shift[kMaxBlock];
    load_lanes(params, range.group, block * map.block, c.scale, scale);
    load_lanes(params, range.group, block * map.block, c.shift, shift);
    for (std::int64_t n = range.begin; n < range.begin + range.count; ++n) {
      const std::int64_t at = n * map.image_elements() + block * map.pixels * map.block;
      slab({.pixels = map.pixels,
            .x = x + at,
            .dz = nullptr,
            .out = z + at,
            .lane = {scale, shift},
            .leak = params.leak,
            .sum = nullptr,
            .accumulate = false});
    }
  });
}

template <typename T>
void backward_sums(const CpuExec& exec, const Params& params, const Coefficients& c, const T* x, const T* dz,
                   double* sum_du, double* sum_du_xhat, void* scratch) {
  const FeatureMap& map = params.map;
  double* partial = static_cast<double*>(scratch);
  const SlabFunction slab = backward_sums_for<T>(map.block);
  for_each_chunk(exec, params, [&](std::int64_t chunk, std::int64_t block) {
    const ChunkRange range = range_of(params, chunk);
    double* sums = partial + (chunk * map.channel_blocks() + block) * 2 * map.block;
    std::fill_n(sums, 2 * map.block, 0.0);
    T scale[kMaxBlock], shift[kMaxBlock], mean[kMaxBlock];
    load_lanes(params, range.group, block * map.block, c.scale, scale);
    load_lanes(params, range.group, block * map.block, c.shift, shift);
    load_lanes(params, range.group, block * map.block, c.mean, mean);
    for (std::int64_t n = range.begin; n < range.begin + range.count; ++n) {
      const std::int64_t at = n * map.image_elements() + block * map.pixels * map.block;
      slab({.pixels = map.pixels,
            .x = x + at,
            .dz = dz + at,
            .out = nullptr,
            .lane = {scale, shift, mean},
            .leak = params.leak,
            .sum = sums,
            .accumulate = false});
    }
  });
  fold(params, partial, sum_du, sum_du_xhat);
  for (std::int64_t at = 0; at < params.group_count * map.channels; ++at)
    sum_du_xhat[at] *= c.inverse_deviation[at];
}

template <typename T>
void backward_apply(const CpuExec& exec, const Params& params, const Coefficients& c, const double* sum_du,
                    const double* sum_du_xhat, const T* x, const T* dz, T* dx, bool accumulate) {
  const FeatureMap& map = params.map;
  const SlabFunction slab = backward_apply_for<T>(map.block);
  for_each_chunk(exec, params, [&](std::int64_t chunk, std::int64_t block) {
    const ChunkRange range = range_of(params, chunk);
    const double m = static_cast<double>(params.groups[range.group].count * map.pixels);
    T scale[kMaxBlock], shift[kMaxBlock], mean[kMaxBlock], constant[kMaxBlock], slope[kMaxBlock];
    load_lanes(params, range.group, block * map.block, c.scale, scale);
    load_lanes(params, range.group, block * map.block, c.shift, shift);
    load_lanes(params, range.group, block * map.block, c.mean, mean);
    for (int i = 0; i < map.block; ++i) {
      const std::int64_t channel = block * map.block + i, at = range.group * map.channels + channel;
      const bool used = sum_du != nullptr && channel < map.channels;
      constant[i] = used ? static_cast<T>(c.scale[at] * sum_du[at] / m) : T(0);
      slope[i] = used ? static_cast<T>(c.scale[at] * c.inverse_deviation[at] * sum_du_xhat[at] / m) : T(0);
    }
    for (std::int64_t n = range.begin; n < range.begin + range.count; ++n) {
      const std::int64_t at = n * map.image_elements() + block * map.pixels * map.block;
      slab({.pixels = map.pixels,
            .x = x + at,
            .dz = dz + at,
            .out = dx + at,
            .lane = {scale, shift, mean, constant, slope},
            .leak = params.leak,
            .sum = nullptr,
            .accumulate = accumulate});
    }
  });
}

#define MEBM_INSTANTIATE(T)                                                                              \
  template void statistics<T>(const CpuExec&, const Params&, const T*, double*, double*, void*);         \
  template void coefficients<T>(const Params&, const T*, const T*, const Coefficients&);                 \
  template void apply<T>(const CpuExec&, const Params&, const Coefficients&, const T*, T*);              \
  template void backward_sums<T>(const CpuExec&, const Params&, const Coefficients&, const T*, const T*, \
                                 double*, double*, void*);                                               \
  template void backward_apply<T>(const CpuExec&, const Params&, const Coefficients&, const double*,     \
                                  const double*, const T*, const T*, T*, bool);
MEBM_INSTANTIATE(float)
MEBM_INSTANTIATE(double)
#undef MEBM_INSTANTIATE

}  // namespace mebm::kernels::batch_norm

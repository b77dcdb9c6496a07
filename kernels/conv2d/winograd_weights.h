#pragma once
// The transform of weights, for winograd_template.h.

#include "kernels/conv2d/winograd_lanes.h"

namespace mebm::kernels::conv2d::winograd {
namespace {

// G g in fp64 for as many kernels as there are lanes: three values to six.
template <int Lane>
MEBM_INLINE void kernel_transform(const double (&g)[3][Lane], double (&out)[6][Lane]) {
  constexpr double a = kNear, b = kFar, a2 = a * a, b2 = b * b;
  for (int l = 0; l < Lane; ++l) {
    const double even_a = kWeightA * (g[0][l] + a2 * g[2][l]), odd_a = kWeightA * a * g[1][l];
    const double even_b = kWeightB * (g[0][l] + b2 * g[2][l]), odd_b = kWeightB * b * g[1][l];
    out[0][l] = kWeight0 * g[0][l];
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

}  // namespace
}  // namespace mebm::kernels::conv2d::winograd

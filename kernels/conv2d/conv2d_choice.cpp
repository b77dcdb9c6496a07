// Which fp32 convolutions of the CPU are computed by Winograd's algorithm when the choice is free.
//
// Time of oneDNN's direct convolution over ours (one Zen 3 core, AVX2; docs/convolutions.md has the times):
//
//   64 images, in -> out @ size   forward  data  weights    squares of 16 -> 16 and 64 -> 64 channels,
//   forward
//       8 ->   8 @ 32               1.9                       1 x 1   0.2  0.3
//      16 ->  16 @ 32               2.6     2.1     2.8       2 x 2   0.8  0.9
//      16 ->  32 @ 32               2.3     2.4     3.2       3 x 3   1.3  1.5
//      24 ->  24 @ 16               1.9                       4 x 4   2.5  2.9
//      32 ->  32 @ 32               2.7     2.6     3.4       5 x 5   1.2  1.2
//      64 ->  64 @ 16               3.1     2.8     3.5       6 x 6   1.4  1.7
//     128 -> 128 @  8               3.2     2.8     3.1       7 x 7   2.0  2.2
//     160 -> 160 @ 32               3.3     3.3     4.6       9 x 9   1.4  1.6
//     320 -> 320 @ 16               3.5     3.3     4.4
//     640 -> 640 @  8               3.4     3.5     4.3
//
// Neither channels nor direction decide but the share of its 4x4 tiles that an image fills: 0.39 (5 x 5) is
// worth it, 0.25 (2 x 2) is not.

#include "kernels/conv2d/winograd.h"

namespace mebm::kernels::conv2d {
namespace {

bool tiles_are_filled(const Params& p) {
  const std::int64_t rows = (p.in_height + 3) / 4, columns = (p.in_width + 3) / 4;
  return 8 * p.in_height * p.in_width >= 3 * rows * columns * 16;
}

bool winograd_is_faster(const Params& p, int block) {
  switch (winograd::best_instructions(block)) {
    case winograd::Instructions::avx2:
      return tiles_are_filled(p);
    case winograd::Instructions::avx512:
      // Not measured. oneDNN's own Winograd of this processor wins 1.6 times at 32 channels and more.
      return tiles_are_filled(p) && p.in_channels >= 32 && p.out_channels >= 32;
    case winograd::Instructions::portable:
      break;  // 0.3 beside oneDNN's SSE 4.1
  }
  return false;
}

}  // namespace

Algorithm cpu_algorithm(const Params& params, int block) {
  if (params.algorithm == Algorithm::direct || !winograd_refusal(params, block).empty())
    return Algorithm::direct;
  if (params.algorithm == Algorithm::winograd) return Algorithm::winograd;
  return winograd_is_faster(params, block) ? Algorithm::winograd : Algorithm::direct;
}

PlanResult make_cpu_plan(const CpuExec& exec, const Params& params, Direction direction, int block) {
  return cpu_algorithm(params, block) == Algorithm::winograd
             ? make_winograd_plan(exec, params, direction, block)
             : make_onednn_plan(exec, params, direction, block);
}

}  // namespace mebm::kernels::conv2d

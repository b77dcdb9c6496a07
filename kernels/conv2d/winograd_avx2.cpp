#include "kernels/conv2d/winograd_template.h"

namespace mebm::kernels::conv2d::winograd {

Kernels avx2_kernels(int block) {
  return block == 8 ? kernels<8, 6, 4>() : block == 16 ? kernels<16, 3, 2>() : Kernels{};
}

}  // namespace mebm::kernels::conv2d::winograd

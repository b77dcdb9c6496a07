#include "kernels/conv2d/winograd_template.h"

namespace mebm::kernels::conv2d::winograd {

Kernels avx512_kernels(int block) {
  return block == 8 ? kernels<8, 6, 4>() : block == 16 ? kernels<16, 12, 8>() : Kernels{};
}

}  // namespace mebm::kernels::conv2d::winograd

#include "kernels/conv2d/winograd_template.h"

namespace mebm::kernels::conv2d::winograd {

Kernels portable_kernels(int block) {
  return block == 8 ? kernels<8, 2, 2>() : block == 16 ? kernels<16, 2, 2>() : Kernels{};
}

}  // namespace mebm::kernels::conv2d::winograd

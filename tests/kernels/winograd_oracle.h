#pragma once
// Winograd's algorithm F(4x4, 3x3) in fp64 from its definition, for tests of the kernels.

#include "tests/reference/test_data.h"

namespace mebm::kernels::conv2d::winograd {

// What the rounding errors of a Winograd convolution are relative to: the algorithm run on absolute values,
// |A^T| [sum (|G g G^T|) . (|B^T| |d| |B|)] |A|. With `exact`, the algorithm itself.
reference::Values winograd_in_fp64(const reference::Convolution& c, const reference::Values& x,
                                   const reference::Values& w, bool exact);

// The same for the weight gradient: |G^T| [sum over tiles of (|A| |dy| |A^T|) . (|B^T| |d| |B|)] |G|.
reference::Values winograd_weight_gradient_in_fp64(const reference::Convolution& c,
                                                   const reference::Values& x, const reference::Values& dy,
                                                   bool exact);

}  // namespace mebm::kernels::conv2d::winograd

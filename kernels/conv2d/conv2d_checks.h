#pragma once
// What every device library of convolutions checks before it plans or runs one, and how it names it.

#include <string>

#include "kernels/conv2d/conv2d_device.h"

namespace mebm::kernels::conv2d::device {

const char* name_of(Direction direction);
const char* name_of(Element element);
std::size_t bytes_of(Element element);  // of one stored value

// "forward convolution 64x16x32x32 -> 64x160x32x32, kernel 3, stride 1, padding 1, bf16": N,C,H,W.
std::string name_of(const Params& params, Direction direction, Element element);

// Numbers of values.
std::int64_t x_elements(const Params& params);
std::int64_t y_elements(const Params& params);
std::int64_t weight_elements(const Params& params);

// Empty, or why no library takes this: a size below one, an output size that does not follow from the
// input's.
std::string params_problem(const Params& params);
// Empty, or which pointer is missing, misplaced (tensors: 16 bytes, workspace: 256 bytes) or aliased.
std::string buffers_problem(const Params& params, Direction direction, std::size_t workspace_bytes,
                            const Buffers& buffers);

}  // namespace mebm::kernels::conv2d::device

#include "kernels/conv2d/conv2d_checks.h"

#include <cstdint>

namespace mebm::kernels::conv2d::device {
namespace {

constexpr std::size_t kTensorAlignment = 16, kWorkspaceAlignment = 256;

std::string extent(std::int64_t images, std::int64_t channels, std::int64_t height, std::int64_t width) {
  return std::to_string(images) + "x" + std::to_string(channels) + "x" + std::to_string(height) + "x" +
         std::to_string(width);
}

std::int64_t output_size(const Params& p, std::int64_t input) {
  return (input + 2 * p.padding - p.kernel) / p.stride + 1;
}

struct Needed {
  const char* name;
  const void* memory;
  bool needed;
};

std::string pointer_problem(const Needed& pointer, std::size_t alignment) {
  if (pointer.memory == nullptr)
    return pointer.needed ? std::string(pointer.name) + " is null" : std::string();
  if (reinterpret_cast<std::uintptr_t>(pointer.memory) % alignment == 0) return {};
  return std::string(pointer.name) + " is not aligned to " + std::to_string(alignment) + " bytes";
}

}  // namespace

const char* name_of(Direction direction) {
  switch (direction) {
    case Direction::forward:
      return "forward";
    case Direction::backward_data:
      return "backward_data";
    case Direction::backward_weights:
      break;
  }
  return "backward_weights";
}

const char* name_of(Element element) {
  switch (element) {
    case Element::bf16:
      return "bf16";
    case Element::tf32:
      return "tf32";
    case Element::fp32:
      return "fp32";
    case Element::fp64:
      break;
  }
  return "fp64";
}

std::size_t bytes_of(Element element) {
  return element == Element::bf16 ? 2 : element == Element::fp64 ? 8 : 4;
}

std::string name_of(const Params& p, Direction direction, Element element) {
  return std::string(name_of(direction)) + " convolution " +
         extent(p.images, p.in_channels, p.in_height, p.in_width) + " -> " +
         extent(p.images, p.out_channels, p.out_height, p.out_width) + ", kernel " +
         std::to_string(p.kernel) + ", stride " + std::to_string(p.stride) + ", padding " +
         std::to_string(p.padding) +
         (direction == Direction::forward && p.accumulate ? ", plus residual, " : ", ") + name_of(element);
}

std::int64_t x_elements(const Params& p) {
  return p.images * p.in_channels * p.in_height * p.in_width;
}
std::int64_t y_elements(const Params& p) {
  return p.images * p.out_channels * p.out_height * p.out_width;
}
std::int64_t weight_elements(const Params& p) {
  return p.out_channels * p.in_channels * p.kernel * p.kernel;
}

std::string params_problem(const Params& p) {
  if (p.images < 1 || p.in_channels < 1 || p.in_height < 1 || p.in_width < 1 || p.out_channels < 1 ||
      p.out_height < 1 || p.out_width < 1 || p.kernel < 1 || p.stride < 1 || p.padding < 0)
    return "a size is below one";
  if (p.out_height != output_size(p, p.in_height) || p.out_width != output_size(p, p.in_width))
    return "the output must be " + std::to_string(output_size(p, p.in_height)) + "x" +
           std::to_string(output_size(p, p.in_width));
  return {};
}

std::string buffers_problem(const Params& p, Direction direction, std::size_t workspace_bytes,
                            const Buffers& b) {
  const bool forward = direction == Direction::forward, data = direction == Direction::backward_data,
             weights = direction == Direction::backward_weights;
  const bool accumulates = forward && p.accumulate;
  const Needed tensors[] = {{"x", b.x, forward || weights},
                            {"dy", b.dy, data || weights},
                            {"weights", b.weights, forward || data},
                            {"bias", b.bias, false},
                            {"residual", b.residual, accumulates},
                            {"y", b.y, forward},
                            {"dx", b.dx, data},
                            {"dw", b.dw, weights}};
  for (const Needed& tensor : tensors)
    if (std::string problem = pointer_problem(tensor, kTensorAlignment); !problem.empty()) return problem;
  if (b.residual != nullptr && !accumulates) return "a residual was given to a plan made without one";
  if (b.residual != nullptr && b.residual == b.y) return "residual and y are the same memory";
  if (b.bias != nullptr && !forward) return "a bias was given to a gradient";
  return pointer_problem({"workspace", b.workspace, workspace_bytes > 0}, kWorkspaceAlignment);
}

}  // namespace mebm::kernels::conv2d::device

#pragma once
// Convolutions as cuDNN operation graphs, the configurations its heuristics offer for them, and finished
// plans.
//
// Graphs: the convolution alone, in each direction, and the forward convolution with an epilogue
// y = conv(x, w) [+ residual] + bias, the form cuDNN's ConvBiasAct engines take: a bias tensor is part of it,
// an identity activation must be absent. Activations are never fused: graphs with a leaky ReLU are accepted
// by engines that compute a plain one.

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kernels/conv2d/conv2d_device.h"
#include "kernels/cudnn/backend.h"

namespace mebm::kernels::cudnn {

// What graph tensors are called when pointers are bound to them.
enum class Tensor : std::int64_t { x = 1, weights = 2, y = 3, bias = 4, residual = 5, product = 6, sum = 7 };

struct Convolution {
  conv2d::Params params;
  conv2d::Direction direction = conv2d::Direction::forward;
  conv2d::device::Element element = conv2d::device::Element::bf16;
  bool epilogue = false;  // forward: + bias, and + residual where params.accumulate; always so then
};

// "forward convolution ..., with bias".
std::string name_of(const Convolution& convolution);

struct Graph {
  std::vector<Descriptor> parts;  // what the graph is made of
  Descriptor operations;
};
Status make_graph(const Target& target, const Convolution& convolution, Graph& graph);

// Deterministic engine configurations of the element's precision in the heuristics' order (mode A, then the
// fallback mode's): tensor cores on fp32 (tf32) for Element::tf32 only, no inputs or reductions of less
// precision.
Status candidates(const Target& target, const Graph& graph, conv2d::device::Element element,
                  std::vector<Descriptor>& found);

struct BuiltPlan {
  Descriptor plan;
  std::size_t workspace_bytes = 0;
  std::string json;  // cuDNN's text of the plan, from which from_json() makes it again
};
// "engine 62 TILEK=1 TILE_CGA_M=4": the engine and its knobs.
std::string describe(const BuiltPlan& built);
// Fails when the engine does not take this configuration after all; the next candidate may.
Status build(const Target& target, const Descriptor& candidate, BuiltPlan& built);
// The first candidate that can be built. considered: how many were offered.
Status build_first(const Target& target, const Convolution& convolution, BuiltPlan& built,
                   std::size_t& considered);

Status from_json(const Target& target, const std::string& json, BuiltPlan& built);

using Binding = std::pair<Tensor, void*>;
// On the handle's stream. The plan was made for this handle.
Status execute(cudnnHandle_t handle, const BuiltPlan& built, const std::vector<Binding>& bindings,
               void* workspace);

}  // namespace mebm::kernels::cudnn

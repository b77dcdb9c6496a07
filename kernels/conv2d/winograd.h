#pragma once
// Winograd convolutions as plans, with their inner sizes open to tests and measurements;
// make_winograd_plan() (conv2d.h) picks them.

#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d/winograd_kernels.h"

namespace mebm::kernels::conv2d::winograd {

struct Options {
  Instructions instructions = Instructions::portable;
  std::int64_t tiles = 0;           // transformed and multiplied at once by a thread; 0: by the shape
  std::int64_t channel_blocks = 0;  // of the output, multiplied at once; even; 0: by the shape
};

// A plan's geometry but for the sizes of chunks.
Geometry geometry_of(const Params& params, std::int64_t source_blocks, std::int64_t destination_blocks);

// Of Direction::backward_weights; called by make_plan().
std::unique_ptr<Plan> make_gradient_plan(const CpuExec& exec, const Params& params, int block,
                                         const Options& options);

// The processor must have the instructions.
PlanResult make_plan(const CpuExec& exec, const Params& params, Direction direction, int block,
                     const Options& options);

}  // namespace mebm::kernels::conv2d::winograd

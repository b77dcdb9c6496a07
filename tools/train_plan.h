#pragma once
// What `train` says before it starts: parameters, memory, measured speed, finishing time, the published row.

#include <cstdint>
#include <span>
#include <string>

#include "data/image_set.h"
#include "ebm/config.h"
#include "ebm/initial_distribution.h"

namespace mebm::tools {

struct TrainPlan {
  std::int64_t iterations = 0;  // still to do
  double seconds_per_iteration = 0;
  std::string how;                  // what the seconds are from
  bool memory_measured = false;     // by a whole iteration; else memory_needed is 0
  std::uint64_t memory_needed = 0;  // bytes
};

// About the size of a checkpoint of the configuration, known before anything is made.
std::uint64_t expected_checkpoint_bytes(const ebm::Config& config, const data::ImageSet& images);

// About the memory that the run will take of its device (the host's for the CPU), from its shapes alone:
// nothing is allocated.
std::uint64_t expected_memory(const ebm::Config& config, const data::ImageSet& images);

// Runs one or two iterations of the configuration on a throw-away model and buffer and measures them. Where
// an iteration would take longer than some seconds, one of fewer images and a single step is measured instead
// and scaled by the passes through the network. InputError where configuration and images do not fit.
TrainPlan measure_plan(const ebm::Config& config, const data::ImageSet& images,
                       std::span<const std::int64_t> indices, int threads, std::int64_t iterations_left);

// What is known before anything is measured, as lines of text: model, device, memory.
std::string plan_head(const ebm::Config& config, const data::ImageSet& images, int threads);

// The rest of the plan, a note above 24 hours included.
std::string plan_text(const ebm::Config& config, const TrainPlan& plan);

}  // namespace mebm::tools

#pragma once
// What `train` says before it starts: parameters, memory, measured speed, finishing time, the published row.

#include <cstdint>
#include <string>

#include "data/image_set.h"
#include "ebm/config.h"
#include "ebm/initial_distribution.h"

namespace mebm::tools {

struct TrainPlan {
  std::int64_t parameters = 0;
  std::int64_t iterations = 0;  // still to do
  double seconds_per_iteration = 0;
  std::uint64_t memory_needed = 0, memory_free = 0;  // bytes
  std::uint64_t checkpoint_bytes = 0;
};

// About the size of a checkpoint of the configuration, known before anything is made.
std::uint64_t expected_checkpoint_bytes(const ebm::Config& config, const data::ImageSet& images);

// About the memory the run will take, from its shapes alone: nothing is allocated.
std::uint64_t expected_memory(const ebm::Config& config, const data::ImageSet& images);

// Runs one or two iterations of the configuration on a throw-away model and buffer and measures them.
TrainPlan measure_plan(const ebm::Config& config, const data::ImageSet& images, int threads,
                       std::int64_t iterations_left);

// The plan as lines of text, a warning above 24 hours included.
std::string plan_text(const ebm::Config& config, const TrainPlan& plan, int threads);

}  // namespace mebm::tools

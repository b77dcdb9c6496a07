#pragma once
// What a training run starts from, checked before anything is measured or written.

#include <memory>
#include <span>

#include "tools/train_loop.h"

namespace mebm::tools {

// Throws InputError for weights that do not fit, a run directory or trace that cannot be written, an initial
// distribution for other images.
void check_input(const TrainJob& job);

// Throws InputError where `bytes` do not fit into the memory of the run's device.
void require_run_memory(const ebm::RunConfig& run, std::uint64_t bytes);

// p0 from the file, the resumed checkpoint, or fitted to the images `indices`; null where nothing is sampled.
std::shared_ptr<const ebm::InitialDistribution> make_initial(engine::Context& context, const TrainJob& job,
                                                             std::span<const std::int64_t> indices);

// What resume has to say when the machine or its use changed, on stderr.
void report_environment(const TrainJob& job, const ebm::RunEnvironment& now);

}  // namespace mebm::tools

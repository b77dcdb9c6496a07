#pragma once
// The training loop around ebm::Trainer: plan, progress, metrics, sample grids, checkpoints, signals.

#include <filesystem>
#include <string>

#include "data/datasets.h"
#include "ebm/trainer.h"
#include "tools/run_directory.h"

namespace mebm::tools {

struct TrainJob {
  RunDirectory directory;
  ebm::Config config;
  data::ImageSet images;
  int threads = 1;
  bool resumed = false;
  const ebm::CheckpointReader* checkpoint = nullptr;  // --resume or --weights
  std::string initial_distribution;                   // file, "" = fit the data
  std::string data;                                   // where `images` are from, as given
  std::string data_digest;                            // of `images`
  std::int64_t max_iterations = -1;                   // -1: the whole run

  explicit TrainJob(RunDirectory where) : directory(std::move(where)) {}
};

// Exit status: 0 done, or stopped by SIGINT/SIGTERM after a checkpoint. A signal before anything is written
// ends the process by that signal. Throws InputError before anything is
// written, Error afterwards.
int train(TrainJob& job, bool dry_run);

}  // namespace mebm::tools

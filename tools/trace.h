#pragma once
// run.trace: every random choice of a run in one HDF5 file, so that another implementation can replay it
// (tests/golden/README.md has the format, tests/golden/replay_trace.py replays it in PyTorch).

#include <filesystem>
#include <string>

#include "ebm/trainer.h"
#include "engine/io/hdf5.h"

namespace mebm::tools {

// The file is built in memory: some MiB an iteration. Meant for tens of iterations.
class TraceWriter final : public ebm::TrainingObserver {
 public:
  // Records the state the run starts from.
  TraceWriter(engine::Context& context, ebm::Trainer& trainer, const std::string& config_toml);

  bool wants_starts() const override { return true; }
  void iteration_begun(std::int64_t iteration, const ebm::IterationChoices& choices) override;
  // Adds what the iteration computed to what it chose.
  void write_result(const ebm::IterationResult& result);
  // Records the state the run ended in and writes the file.
  void finish(const std::filesystem::path& path);

 private:
  void write_state(const std::string& group);
  void write_crops(const std::string& path, const std::vector<data::Crop>& crops);
  void write_chains(const std::string& group, std::int64_t iteration, const ebm::IterationChoices& choices);

  engine::Context& context_;
  ebm::Trainer& trainer_;
  engine::Hdf5Writer writer_;
};

}  // namespace mebm::tools

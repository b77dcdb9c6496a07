#pragma once
// The run directory: config.toml, metrics.jsonl, run.log, samples/*.png, checkpoints/*.h5 (SPEC section 9).

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "ebm/trainer.h"
#include "engine/io/file_descriptor.h"

namespace mebm::tools {

// Now, ISO 8601 in UTC; SOURCE_DATE_EPOCH (seconds), where set, stands for the clock, so that files can be
// compared byte for byte.
std::string creation_time();

// What an evaluation during training finds; absent: not asked for.
struct EvaluationFigures {
  std::optional<double> validation_accuracy;    // 0 ... 1
  std::optional<double> fd_ref, fd_ref_buffer;  // of fresh chains from p0, of the replay buffer
};

class RunDirectory {
 public:
  explicit RunDirectory(std::filesystem::path root) : root_(std::move(root)) {}

  // Before anything is written: the directory holds no other run, can be made and written, and has room for
  // `checkpoint_bytes`. Throws InputError.
  void check_fresh(std::uint64_t checkpoint_bytes) const;
  // Takes the directory for this process until it ends, however it ends. InputError where another has it.
  void lock();
  // Makes and locks the directories and removes files that a killed run left half-written. InputError where
  // another run has begun there since check_fresh().
  void make_folders();
  void write_config(const std::string& config_toml);

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path checkpoint_path(std::int64_t iteration) const;
  std::filesystem::path sample_path(std::int64_t iteration) const;
  // Checkpoints by iteration, newest first.
  std::vector<std::filesystem::path> checkpoints() const;
  // Removes all but the newest `kept` checkpoints up to `iteration`. Later ones (a resumed run skipped them
  // as damaged) neither count nor go: the run replaces them when it gets there.
  void retain(int kept, std::int64_t iteration) const;

  // Drops lines of metrics.jsonl at or after `iteration`: they are about to be computed again.
  void truncate_metrics(std::int64_t iteration) const;
  std::filesystem::path plans_path() const { return root() / "plans.json"; }  // convolution plans of a GPU
  std::filesystem::path best_checkpoint_path() const;
  // Appends one line; throws Error when the disk is full.
  void append_metrics(const ebm::IterationResult& result, const EvaluationFigures& figures);
  void append_log(const std::string& line);

 private:
  void check_unused() const;
  void remove_partial_files() const;

  std::filesystem::path root_;
  std::optional<engine::FileDescriptor> lock_;  // of run.log, which is only ever appended to
  std::ofstream metrics_, log_;
};

// One line of metrics.jsonl; values that do not apply or are not finite are null. The figures of an
// evaluation stand under their names, where there are any.
std::string metrics_line(const ebm::IterationResult& result, const EvaluationFigures& figures);

}  // namespace mebm::tools

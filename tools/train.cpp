// mebm_engine train: resolves the configuration, prepares data and p0, says what it is about to do, trains.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>

#include "ebm/trainer.h"
#include "engine/io/sha256.h"
#include "tools/commands.h"
#include "tools/config.h"
#include "tools/train_loop.h"
#include "tools/train_plan.h"

namespace mebm::tools {
namespace {

using engine::fail_input;

constexpr std::int64_t kMaxThreads = 4096;

struct TrainOptions {
  std::string recipe, config_file, data, out, weights, initial_distribution, device, precision;
  std::vector<std::string> sets;
  std::optional<std::int64_t> threads, seed, max_iterations;
  bool resume = false, dry_run = false;
};

std::string read_text(const std::string& path) {
  std::ifstream in(path);
  if (!in) fail_input("--config {}: cannot be read", path);
  return {std::istreambuf_iterator<char>(in), {}};
}

void apply_command_line(const TrainOptions& o, ebm::Config& config) {
  if (!o.device.empty()) config.run.device = o.device;
  if (!o.precision.empty()) config.run.precision = o.precision;
  if (o.threads && (*o.threads < 0 || *o.threads > kMaxThreads))
    fail_input("--threads {} is outside 0 ... {}; 0: one per physical core", *o.threads, kMaxThreads);
  if (o.threads) config.run.threads = static_cast<int>(*o.threads);
  if (o.seed && *o.seed < 0) fail_input("--seed {} is negative", *o.seed);
  if (o.seed) config.run.seed = static_cast<std::uint64_t>(*o.seed);
}

ebm::Config fresh_config(const TrainOptions& o) {
  if (o.recipe.empty() && o.config_file.empty())
    fail_input("train: name a --recipe or a --config file; recipes are listed by train --help");
  ebm::Config config =
      resolve({o.recipe, o.config_file, o.config_file.empty() ? "" : read_text(o.config_file), o.sets});
  apply_command_line(o, config);
  validate(config);
  return config;
}

// The stored configuration; --set and options may change [run] keys only.
ebm::Config resumed_config(const TrainOptions& o, const ebm::CheckpointReader& checkpoint) {
  if (!o.recipe.empty() || !o.config_file.empty())
    fail_input("--resume takes the stored configuration; leave out --recipe and --config");
  const auto stored = checkpoint.config_toml();
  if (!stored || stored->empty())
    fail_input("{}: holds no configuration; start with --weights instead", checkpoint.path().string());
  ebm::Config config;
  apply_toml(config, *stored, checkpoint.path().string());
  const ebm::Config original = config;
  for (const std::string& assignment : o.sets) {
    if (!assignment.starts_with("run."))
      fail_input("--resume: only [run] keys may differ, '{}' is not one; start a new run with --weights",
                 assignment);
    apply_set(config, assignment);
  }
  apply_command_line(o, config);
  if (config.run.seed != original.run.seed)
    fail_input("--resume: the run's seed is {}; another seed is another run (use --weights)",
               original.run.seed);
  if (config.run.precision != original.run.precision)
    fail_input("--resume: the run's precision is {}; start a new run with --weights", original.run.precision);
  validate(config);
  return config;
}

// The newest checkpoint that opens; damaged newer ones are named on stderr.
ebm::CheckpointReader newest_checkpoint(const RunDirectory& directory) {
  const auto found = directory.checkpoints();
  if (found.empty())
    fail_input("--resume: {} holds no checkpoint; remove what is there, if anything, and start the run anew",
               directory.root().string());
  std::string first_problem;
  for (const auto& path : found) {
    try {
      return ebm::CheckpointReader(path);
    } catch (const engine::InputError& error) {
      std::fprintf(stderr, "skipping a damaged checkpoint: %s\n", error.what());
      if (first_problem.empty()) first_problem = error.what();
    }
  }
  fail_input("--resume: no checkpoint of {} can be read; {}", directory.root().string(), first_problem);
}

// SHA-256 of a set's images and labels.
std::string digest_of(const data::ImageSet& images) {
  engine::Sha256 hash;
  hash.update(std::as_bytes(std::span(images.pixels)));
  hash.update(std::as_bytes(std::span(images.values)));
  hash.update(std::as_bytes(std::span(images.labels)));
  return engine::to_hex(hash.finish());
}

int run_train(const TrainOptions& o) {
  if (o.resume && !o.weights.empty()) fail_input("--resume and --weights exclude each other");
  if (o.out.empty()) fail_input("--out '' names no directory");
  if (o.resume && !o.initial_distribution.empty())
    fail_input("--resume continues with the run's own p0; leave out --initial-distribution");
  if (o.max_iterations && *o.max_iterations < 0)
    fail_input("--max-iterations {} is negative; it counts all iterations of the run", *o.max_iterations);
  TrainJob job{RunDirectory(o.out)};
  std::optional<ebm::CheckpointReader> checkpoint;
  if (o.resume) checkpoint.emplace(newest_checkpoint(job.directory));
  if (!o.weights.empty()) checkpoint.emplace(o.weights);
  job.config = o.resume ? resumed_config(o, *checkpoint) : fresh_config(o);
  engine::parse_device(job.config.run.device);
  job.threads = job.config.run.threads > 0 ? job.config.run.threads : engine::physical_cores();
  job.resumed = o.resume;
  job.max_iterations = o.max_iterations.value_or(-1);
  job.initial_distribution = o.initial_distribution;
  job.images = data::load_dataset(job.config.data.set, o.data, data::Split::train);
  if (checkpoint) job.checkpoint = &*checkpoint;
  job.data_digest = digest_of(job.images);
  if (o.resume && !checkpoint->data_digest().empty() && checkpoint->data_digest() != job.data_digest)
    fail_input("--data {}: holds other images or labels than the run was started with; give it the same data",
               o.data);
  return train(job, o.dry_run);
}

}  // namespace

CommandRunner add_train(CLI::App& command) {
  auto o = std::make_shared<TrainOptions>();
  std::string recipes;
  for (const std::string& name : recipe_names()) recipes += "  " + name + "\n";
  command.add_option("--recipe", o->recipe, "a named configuration; see the list below");
  command.add_option("--config", o->config_file, "a configuration file (TOML); over the recipe");
  command.add_option("--set", o->sets, "section.key=value, over the file; may be repeated")->take_all();
  command.add_option("--data", o->data, "the data set's directory, archive or HDF5 images file")->required();
  command.add_option("--out", o->out, "the run directory: made if absent, refused if it holds another run")
      ->required();
  command.add_flag("--resume", o->resume,
                   "continue the run in --out from its newest checkpoint; only [run] keys may differ");
  command.add_option("--weights", o->weights,
                     "start from this checkpoint's model (and buffer of the same size), fresh optimiser");
  command.add_option("--initial-distribution", o->initial_distribution,
                     "p0 from this file instead of fitting the data");
  command.add_option("--max-iterations", o->max_iterations,
                     "stop after this many iterations of the run in total; still writes a checkpoint [all]");
  command.add_flag("--dry-run", o->dry_run, "say what would be done, measure the speed, and stop");
  command.add_option("--device", o->device, "auto | cpu | cuda[:i] [auto]");
  command.add_option("--precision", o->precision, "fp32 | fp64 [fp32 on the CPU]");
  command.add_option("--threads", o->threads, "threads [physical cores]");
  command.add_option("--seed", o->seed, "seed of every random choice [1]");
  command.footer("Keys of the configuration:\n" + key_help() + "\nRecipes:\n" + recipes);
  return [o] { return run_train(*o); };
}

}  // namespace mebm::tools

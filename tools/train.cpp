// mebm_engine train: resolves the configuration, prepares data and p0, says what it is about to do, trains.

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <system_error>

#include "ebm/trainer.h"
#include "engine/io/sha256.h"
#include "tools/commands.h"
#include "tools/common_options.h"
#include "tools/config.h"
#include "tools/train_loop.h"
#include "tools/train_plan.h"

namespace mebm::tools {
namespace {

namespace fs = std::filesystem;
using engine::fail_input;

struct TrainOptions {
  std::string data, out;
  std::optional<std::string> recipe, config_file, weights, initial_distribution;
  std::vector<std::string> sets;
  std::optional<std::int64_t> max_iterations;
  bool resume = false, dry_run = false;
  RuntimeOptions runtime;
};

std::string read_text(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::is_directory(status)) fail_input("--config {}: is a directory, expected a TOML file", path);
  if (fs::exists(status) && !fs::is_regular_file(status))
    fail_input("--config {}: is no regular file (a pipe or a device), expected a TOML file", path);
  errno = 0;
  std::ifstream in(path);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in.is_open() || in.bad())
    fail_input("--config {}: cannot be read: {}", path, std::generic_category().message(errno));
  return text;
}

ebm::Config fresh_config(const TrainOptions& o) {
  if (!o.recipe && !o.config_file)
    fail_input("train: name a --recipe or a --config file; recipes are listed by train --help");
  ebm::Config config = resolve({o.recipe.value_or(""), o.config_file.value_or(""),
                                o.config_file ? read_text(*o.config_file) : "", o.sets});
  apply_runtime_options(o.runtime, config.run);
  validate(config);
  return config;
}

// The stored configuration; --set and options may change [run] keys only.
ebm::Config resumed_config(const TrainOptions& o, const ebm::CheckpointReader& checkpoint) {
  if (o.recipe || o.config_file)
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
  apply_runtime_options(o.runtime, config.run);
  if (config.run.seed != original.run.seed)
    fail_input("--resume: the run's seed is {}; another seed is another run (use --weights)",
               original.run.seed);
  if (config.run.precision != original.run.precision)
    fail_input("--resume: the run's precision is {}; start a new run with --weights", original.run.precision);
  validate(config);
  return config;
}

// What to do about a directory of --resume without checkpoints: the mistakes are a path inside a run
// directory, a file, and a name that was never a run.
[[noreturn]] void fail_without_checkpoints(const fs::path& given) {
  std::error_code error;
  const fs::path path = given.has_filename() ? given : given.parent_path();  // "run/"
  const std::string what = fmt::format("--resume: --out {} ", given.string());
  const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
  for (const fs::path& run : {parent, parent.has_parent_path() ? parent.parent_path() : fs::path(".")})
    if (fs::exists(path, error) && !RunDirectory(run).checkpoints().empty())
      fail_input("{}lies inside a run directory; give the run directory itself: --out {}", what,
                 run.string());
  if (!fs::exists(path, error))
    fail_input("{}does not exist; give the directory of a run that was started", what);
  if (!fs::is_directory(path, error)) fail_input("{}is a file; give the run directory", what);
  fail_input(
      "{}holds no checkpoint (checkpoints/iteration-*.h5); give the directory of a run that was started",
      what);
}

// The newest checkpoint that opens, of a directory that nobody else writes to; damaged newer ones are named
// on stderr.
ebm::CheckpointReader newest_checkpoint(RunDirectory& directory) {
  if (directory.checkpoints().empty()) fail_without_checkpoints(directory.root());
  directory.lock();
  std::string first_problem;
  for (const auto& path : directory.checkpoints()) {
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
  if (o.resume && o.weights) fail_input("--resume and --weights exclude each other");
  if (o.resume && o.initial_distribution)
    fail_input("--resume continues with the run's own p0; leave out --initial-distribution");
  if (o.max_iterations && *o.max_iterations < 0)
    fail_input("--max-iterations {} is negative; it counts all iterations of the run", *o.max_iterations);
  TrainJob job{RunDirectory(o.out)};
  std::optional<ebm::CheckpointReader> checkpoint;
  if (o.resume) checkpoint.emplace(newest_checkpoint(job.directory));
  if (o.weights) checkpoint.emplace(*o.weights);
  job.config = o.resume ? resumed_config(o, *checkpoint) : fresh_config(o);
  resolve_precision(job.config.run);
  job.threads = thread_count(job.config.run.threads);
  job.resumed = o.resume;
  job.max_iterations = o.max_iterations.value_or(-1);
  job.initial_distribution = o.initial_distribution.value_or("");
  job.data = o.data;
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
  Options options(command);
  options.optional("--recipe", "NAME", o->recipe, "a named configuration of the list below",
                   "none; one of --recipe and --config is required without --resume");
  options.optional("--config", "FILE", o->config_file, "configuration file (TOML), over the recipe", "none");
  options.repeated("--set", "SECTION.KEY=VALUE", o->sets, "one key, over the file; may be repeated");
  options.required("--data", "DIR|FILE", o->data, "folder or archive of the data set, or images file (.h5)");
  options.required("--out", "DIR", o->out,
                   "run directory, made if absent; another run's is refused without --resume");
  options.flag("--resume", o->resume,
               "continue the run in --out from its newest checkpoint; only [run] keys may differ");
  options.optional(
      "--weights", "FILE", o->weights,
      "checkpoint whose model (and buffer of the same size) to start from, with a fresh optimiser",
      "none: random weights");
  options.optional("--initial-distribution", "FILE", o->initial_distribution,
                   "file of fit-init with the p0 of the chains", "p0 is fitted to the data");
  options.optional("--max-iterations", "N", o->max_iterations,
                   "iterations of the run in total after which to stop, with a checkpoint", "the whole run");
  options.flag("--dry-run", o->dry_run, "say what would be done, measure the speed, and stop");
  add_runtime_options(options, o->runtime, "the configuration's, else ");
  std::string recipes;
  for (const std::string& name : recipe_names()) recipes += "  " + name + "\n";
  options.footer("Keys of the configuration:\n" + key_help() + "\nRecipes:\n" + recipes);
  return [o] { return run_train(*o); };
}

}  // namespace mebm::tools

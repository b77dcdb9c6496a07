#include "tools/train_loop.h"
#include "tools/common_options.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <numeric>

#include "engine/io/atomic_write.h"
#include "engine/ops/elementwise.h"
#include "report/grid.h"
#include "report/progress.h"
#include "tools/config.h"
#include "tools/run_report.h"
#include "tools/sample_grid.h"
#include "tools/stop_signal.h"
#include "tools/trace.h"
#include "tools/train_evaluation.h"
#include "tools/train_inputs.h"
#include "tools/train_plan.h"

namespace mebm::tools {
namespace {

using engine::Tensor;

constexpr int kPublishedEpoch = 390;  // iterations of the published rows' epochs

// Keeps the last iteration's chains for the sample grid.
class LastChains final : public ebm::TrainingObserver {
 public:
  void iteration_begun(std::int64_t, const ebm::IterationChoices& choices) override {
    if (choices.chains == nullptr) return;
    chains_ = choices.chains->images;
    rows_.assign(choices.chains->rows.begin(), choices.chains->rows.end());
  }
  const Tensor& chains() const { return chains_; }
  const std::vector<std::int64_t>& rows() const { return rows_; }  // of the buffer

 private:
  Tensor chains_;
  std::vector<std::int64_t> rows_;
};

class Loop {
 public:
  Loop(engine::Context& context, TrainJob& job, ebm::Trainer& trainer, const SampleGrid* grid,
       TraceWriter* trace, TrainingEvaluation& evaluation, std::int64_t end)
      : context_(context),
        evaluation_(evaluation),
        job_(job),
        trainer_(trainer),
        grid_(grid),
        trace_(trace),
        end_(end),
        toml_(to_toml(job.config)),
        progress_(std::cerr, end,
                  {.terminal_width = report::terminal_width(STDERR_FILENO),
                   .langevin_steps = job.config.objective.energy_weight != 0 ? job.config.sampler.steps : 0,
                   .first_iteration = trainer.iteration()}) {
    if (trace != nullptr) observers_.push_back(trace);
    if (job.resumed) best_accuracy_ = job.checkpoint->best_validation_accuracy();
  }

  void run() {
    const ebm::RunConfig& c = job_.config.run;
    // A signal after `last` was decided lets one more iteration run, so that the loop always ends with a
    // checkpoint.
    for (bool last = stop_requested(); !last && trainer_.iteration() < end_;) {
      trainer_.begin(observers_);
      const std::int64_t begun = trainer_.iteration();
      last = begun == end_ || stop_requested();
      const bool validate = evaluation_.due(begun), sample = last || is_due(c.sample_every, begun),
                 store = last || is_due(c.checkpoint_every, begun);
      // Nothing is kept of a state before every result up to it has been looked at.
      const bool settle = validate || sample || store || iterations_done_ == 0;
      while (const auto result = trainer_.take_result(settle))
        record(*result, result->iteration + 1 == begun && validate, result->iteration + 1 == begun && last);
      if (sample) write_samples();
      if (store) write_checkpoint();
    }
    progress_.finish();
  }

  void write_checkpoint() {
    ebm::write_checkpoint(job_.directory.checkpoint_path(trainer_.iteration()), contents());
    job_.directory.retain(job_.config.run.checkpoints_kept, trainer_.iteration());
  }

  std::int64_t iterations_done() const { return iterations_done_; }  // by this process
  double seconds() const { return seconds_; }                        // they took

 private:
  static bool is_due(std::int64_t every, std::int64_t done) { return every > 0 && done % every == 0; }

  // What is written of every iteration, in order.
  void record(const ebm::IterationResult& result, bool validate, bool last) {
    const int log_every = job_.config.run.log_every;
    seconds_ += result.seconds;
    if (++iterations_done_ == 1) context_.save_plans();
    if (trace_ != nullptr) trace_->write_result(result);
    const EvaluationFigures figures = validate ? evaluate(result.iteration + 1) : EvaluationFigures();
    if (last || validate || is_due(log_every, result.iteration))
      job_.directory.append_metrics(result, figures);
    show(result);
  }

  void show(const ebm::IterationResult& r) {
    report::ProgressState state;
    state.iteration = r.iteration + 1;
    state.loss = r.loss;
    state.learning_rate = r.learning_rate;
    if (job_.config.objective.energy_weight != 0) {
      state.energy_positive = r.energy_positive;
      state.energy_negative = r.energy_negative;
    }
    progress_.update(state);
  }

  // The best model on the validation split so far is kept beside the other checkpoints. The test set plays no
  // part.
  EvaluationFigures evaluate(std::int64_t done) {
    const auto began = std::chrono::steady_clock::now();
    EvaluationFigures figures;
    try {
      figures = evaluation_.evaluate(trainer_);
    } catch (const engine::Error& error) {  // it looks on; the run does not end for it
      const std::string text = fmt::format("evaluation after {} iterations failed: {}", done, error.what());
      progress_.message(text);
      job_.directory.append_log(text);
      return figures;
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
    progress_.message(describe(figures, done, seconds.count()));
    if (figures.validation_accuracy.value_or(-1) > best_accuracy_) {
      best_accuracy_ = *figures.validation_accuracy;
      ebm::write_checkpoint(job_.directory.best_checkpoint_path(), contents());
    }
    return figures;
  }

  ebm::CheckpointContents contents() {
    ebm::CheckpointContents contents = trainer_.checkpoint_contents(toml_);
    contents.created = creation_time();
    contents.best_validation_accuracy = best_accuracy_;
    contents.data_digest = job_.data_digest;
    return contents;
  }

  void write_samples() {
    if (grid_ != nullptr && last_chains_.chains().defined())
      grid_->write(job_.directory.sample_path(trainer_.iteration()), last_chains_.chains(),
                   trainer_.buffer()->images(), last_chains_.rows());
  }

  engine::Context& context_;
  TrainingEvaluation& evaluation_;
  TrainJob& job_;
  ebm::Trainer& trainer_;
  const SampleGrid* grid_;
  TraceWriter* trace_;  // may be null
  std::int64_t end_;
  std::string toml_;
  double best_accuracy_ = -1, seconds_ = 0;
  std::int64_t iterations_done_ = 0;
  LastChains last_chains_;
  std::vector<ebm::TrainingObserver*> observers_{&last_chains_};
  report::Progress progress_;
};

void start(TrainJob& job, ebm::Trainer& trainer) {
  if (job.checkpoint == nullptr)
    trainer.start_fresh();
  else if (job.resumed)
    trainer.resume(*job.checkpoint);
  else
    trainer.start_from_weights(*job.checkpoint);
}

// `word` as a shell reads it.
std::string shell_word(const std::string& word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./,:=+@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

// The command line that continues the run.
std::string resume_command(const TrainJob& job) {
  std::string command =
      fmt::format("{} train --resume --data {} --out {}", shell_word(program_invocation_name),
                  shell_word(job.data), shell_word(job.directory.root().string()));
  if (job.max_iterations >= 0) command += fmt::format(" --max-iterations {}", job.max_iterations);
  if (!job.config.run.trace.empty()) command += " --set run.trace=";
  return command;
}

// What is left when the loop has ended: where things are, and this run's figure beside the published one.
void report_end(const TrainJob& job, const Loop& loop, std::int64_t iteration) {
  const auto& directory = job.directory;
  if (stop_requested())
    std::cerr << fmt::format(
        "stopped by a signal after a checkpoint at iteration {}; continue with --resume:\n  {}\n", iteration,
        resume_command(job));
  if (loop.iterations_done() > 0) {
    const double minutes = loop.seconds() / static_cast<double>(loop.iterations_done()) / 60;
    const int epoch = job.config.run.iterations_per_epoch;
    const std::string row = published_line(job.config.published);
    std::cerr << fmt::format("this run    {:.3g} minutes per epoch of {} iterations", minutes * epoch, epoch);
    if (!row.empty() && epoch != kPublishedEpoch)
      std::cerr << fmt::format(", {:.3g} per {}", minutes * kPublishedEpoch, kPublishedEpoch);
    std::cerr << (row.empty() ? "" : "; published, epochs of 390: " + row) << "\n";
  }
  std::error_code error;
  if (const auto path = directory.sample_path(iteration); std::filesystem::exists(path, error))
    std::cerr << "samples     " << path.string() << "\n";
  std::cerr << "checkpoint  " << directory.checkpoint_path(iteration).string() << "\n";
}

// The plan, spoken as it becomes known: what follows from the shapes first, then the measured speed. `out`
// has the answer of a --dry-run.
void announce(const TrainJob& job, std::span<const std::int64_t> indices, std::int64_t left,
              std::ostream& out) {
  out << plan_head(job.config, job.images, job.threads) << std::flush;
  if (left == 0) return;
  std::cerr << "speed       measuring ...\n" << std::flush;
  const TrainPlan plan = measure_plan(job.config, job.images, indices, job.threads, left);
  out << plan_text(job.config, plan) << std::flush;
  if (plan.memory_measured) require_run_memory(job.config.run, plan.memory_needed);
}

// Runs the loop; how it ended is the last line of run.log.
void run_logged(Loop& loop, const ebm::Trainer& trainer, RunDirectory& directory) {
  try {
    loop.run();
  } catch (const engine::Error& error) {
    std::string text = error.what();
    for (std::size_t at = 0; (at = text.find("-nan", at)) != std::string::npos;) text.erase(at, 1);
    if (const auto found = directory.checkpoints(); text.starts_with("diverged") && !found.empty())
      text +=
          fmt::format("; a new run from an earlier checkpoint: --weights {} with another --out and --seed",
                      found.front().string());
    try {
      directory.append_log(fmt::format("failed at iteration {}: {}", trainer.iteration(), text));
    } catch (const engine::Error&) {  // the first failure is the one to report
    }
    write_own_report(directory.root());
    engine::fail("{}", text);
  }
  directory.append_log(fmt::format(
      "{} at iteration {}", stop_requested() ? "stopped by a signal" : "finished", trainer.iteration()));
}

// wrote: set before the first file is made.
int train(TrainJob& job, bool dry_run, bool& wrote) {
  const data::ValidationSplit split =
      data::split_validation(job.images.count(), job.config.data.validation, job.config.run.seed);
  check_input(job);
  stop_on_signals();
  const std::int64_t whole = std::int64_t{job.config.run.epochs} * job.config.run.iterations_per_epoch;
  const std::int64_t begin = job.resumed ? job.checkpoint->iteration() : 0;
  const std::int64_t asked = job.max_iterations >= 0 ? std::min(whole, job.max_iterations) : whole;
  const std::int64_t end = std::max(begin, asked);
  announce(job, split.train, end - begin, dry_run ? std::cout : std::cerr);
  if (dry_run) return 0;
  if (job.resumed && end == begin)
    std::cerr << fmt::format(
        "note        the run has done {} iterations, {} are asked for: nothing is left to do\n", begin,
        asked);

  engine::Context context(context_options(job.config.run, job.threads, job.directory.plans_path()));
  TrainingEvaluation evaluation(context, job, split.validation);
  const auto initial = make_initial(context, job, split.train);
  ebm::Trainer trainer(context, job.config, job.images, split.train, initial);
  start(job, trainer);
  const std::string toml = to_toml(job.config);
  keep_what_is_written();
  wrote = true;
  job.directory.make_folders();
  std::unique_ptr<SampleGrid> grid;
  const bool showable = job.images.channels == 1 || job.images.channels == 3;
  if (initial && showable) grid = std::make_unique<SampleGrid>(context, trainer, job.images, split.train);
  std::unique_ptr<TraceWriter> trace;
  if (!job.config.run.trace.empty()) trace = std::make_unique<TraceWriter>(context, trainer, toml);
  Loop loop(context, job, trainer, grid.get(), trace.get(), evaluation, end);
  // A run that is killed before its first scheduled checkpoint can be resumed too.
  if (!job.resumed) loop.write_checkpoint();
  job.directory.write_config(toml);
  job.directory.truncate_metrics(trainer.iteration());
  if (job.resumed) report_environment(job, trainer.checkpoint_contents("").environment);
  job.directory.append_log(
      fmt::format("{} at iteration {} of {}", job.resumed ? "resumed" : "started", trainer.iteration(), end));
  if (const std::string protocol = evaluation.protocol(); !protocol.empty())
    job.directory.append_log(protocol);
  run_logged(loop, trainer, job.directory);
  if (trace) trace->finish(job.config.run.trace);
  report_end(job, loop, trainer.iteration());
  write_own_report(job.directory.root());
  return 0;
}

}  // namespace

int train(TrainJob& job, bool dry_run) {
  bool wrote = false;
  try {
    return train(job, dry_run, wrote);
  } catch (const engine::OutOfMemory& error) {
    if (!wrote) throw;
    engine::fail("{}", error.what());  // the run failed after it started
  }
}

}  // namespace mebm::tools

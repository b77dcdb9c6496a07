#include "tools/train_loop.h"

#include <unistd.h>

#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <numeric>

#include "engine/io/atomic_write.h"
#include "engine/ops/elementwise.h"
#include "metrics/classification.h"
#include "report/grid.h"
#include "report/progress.h"
#include "tools/config.h"
#include "tools/sample_grid.h"
#include "tools/trace.h"
#include "tools/train_inputs.h"
#include "tools/train_plan.h"

namespace mebm::tools {
namespace {

using engine::Tensor;

constexpr int kGridImages = 64;

std::atomic<int> stop_signal{0};

void remember_signal(int number) {
  stop_signal = number;
}

// Keeps the last iteration's chains for the sample grid.
class LastChains final : public ebm::TrainingObserver {
 public:
  void iteration_done(const ebm::IterationResult&, const ebm::IterationChoices& choices) override {
    if (choices.chains != nullptr) chains_ = choices.chains->images;
  }
  const Tensor& chains() const { return chains_; }

 private:
  Tensor chains_;
};

class Loop {
 public:
  Loop(engine::Context& context, TrainJob& job, ebm::Trainer& trainer, const SampleGrid* grid,
       TraceWriter* trace, std::span<const std::int64_t> validation, std::int64_t end)
      : context_(context),
        validation_(validation),
        job_(job),
        trainer_(trainer),
        grid_(grid),
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
    for (bool last = false; !last && trainer_.iteration() < end_;) {
      const ebm::IterationResult result = trainer_.step(observers_);
      seconds_ += result.seconds;
      ++iterations_done_;
      const std::int64_t done = trainer_.iteration();
      last = done == end_ || stop_signal != 0;
      const std::optional<double> accuracy = validation_accuracy(done);
      if (last || accuracy || (c.log_every > 0 && result.iteration % c.log_every == 0))
        job_.directory.append_metrics(result, accuracy);
      show(result);
      if (last || (c.sample_every > 0 && done % c.sample_every == 0)) write_samples();
      if (last || (c.checkpoint_every > 0 && done % c.checkpoint_every == 0)) write_checkpoint();
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
  void show(const ebm::IterationResult& r) {
    report::ProgressState state;
    state.iteration = trainer_.iteration();
    state.loss = r.loss;
    state.learning_rate = r.learning_rate;
    if (job_.config.objective.energy_weight != 0) {
      state.energy_positive = r.energy_positive;
      state.energy_negative = r.energy_negative;
    }
    progress_.update(state);
  }

  // Accuracy on the validation split, after every evaluate_every epochs; the best model so far is kept beside
  // the other checkpoints. The test set plays no part.
  std::optional<double> validation_accuracy(std::int64_t done) {
    const ebm::RunConfig& c = job_.config.run;
    const bool due =
        c.evaluate_every > 0 && done % (std::int64_t{c.evaluate_every} * c.iterations_per_epoch) == 0;
    if (!due || validation_.empty() || job_.config.objective.classifier_weight == 0) return std::nullopt;
    autograd::Tape tape(context_);
    const auto dtype = trainer_.model().dtype();
    const metrics::Classification result =
        metrics::classify(tape, trainer_.model(), job_.images, validation_, {.dtype = dtype});
    progress_.message(fmt::format("validation accuracy {:.4f} on {} images after {} iterations",
                                  result.accuracy, result.count, done));
    if (result.accuracy > best_accuracy_) {
      best_accuracy_ = result.accuracy;
      ebm::write_checkpoint(job_.directory.best_checkpoint_path(), contents());
    }
    return result.accuracy;
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
      grid_->write(job_.directory.sample_path(trainer_.iteration()), last_chains_.chains());
  }

  engine::Context& context_;
  std::span<const std::int64_t> validation_;  // images held out; may be empty
  TrainJob& job_;
  ebm::Trainer& trainer_;
  const SampleGrid* grid_;
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

// A signal asks for a checkpoint and an end; a second one ends the program at once.
void stop_on_signals() {
  struct sigaction action {};
  action.sa_handler = remember_signal;
  action.sa_flags = SA_RESETHAND;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

// What is left when the loop has ended: where things are, and this run's figure beside the published one.
void report_end(const TrainJob& job, const Loop& loop, std::int64_t iteration) {
  const auto& directory = job.directory;
  if (stop_signal != 0)
    std::cerr << "stopped by a signal after a checkpoint; continue with --resume --out "
              << directory.root().string() << "\n";
  if (loop.iterations_done() > 0) {
    const std::string row = published_line(job.config.published);
    std::cerr << fmt::format("this run    {:.3g} minutes per 390 iterations{}\n",
                             loop.seconds() / static_cast<double>(loop.iterations_done()) * 390 / 60,
                             row.empty() ? "" : "; published: " + row);
  }
  std::error_code error;
  if (const auto path = directory.sample_path(iteration); std::filesystem::exists(path, error))
    std::cerr << "samples     " << path.string() << "\n";
  std::cerr << "checkpoint  " << directory.checkpoint_path(iteration).string() << "\n";
}

}  // namespace

int train(TrainJob& job, bool dry_run) {
  const data::ValidationSplit split =
      data::split_validation(job.images.count(), job.config.data.validation, job.config.run.seed);
  check_input(job);
  const std::int64_t whole = std::int64_t{job.config.run.epochs} * job.config.run.iterations_per_epoch;
  const std::int64_t end = job.max_iterations >= 0 ? std::min(whole, job.max_iterations) : whole;
  const std::int64_t begin = job.resumed ? job.checkpoint->iteration() : 0;
  const TrainPlan plan =
      measure_plan(job.config, job.images, job.threads, std::max<std::int64_t>(0, end - begin));
  std::ostream& plan_out = dry_run ? std::cout : std::cerr;
  plan_out << plan_text(job.config, plan, job.threads);
  require_run_memory(plan.memory_needed);
  if (dry_run) return 0;

  engine::Context context({.threads = job.threads});
  const auto initial = make_initial(context, job, split.train);
  ebm::Trainer trainer(context, job.config, job.images, split.train, initial);
  start(job, trainer);
  const std::string toml = to_toml(job.config);
  job.directory.make_folders();
  std::unique_ptr<SampleGrid> grid;
  const bool showable = job.images.channels == 1 || job.images.channels == 3;
  if (initial && showable) grid = std::make_unique<SampleGrid>(context, trainer, job.images, split.train);
  std::unique_ptr<TraceWriter> trace;
  if (!job.config.run.trace.empty()) trace = std::make_unique<TraceWriter>(context, trainer, toml);
  stop_on_signals();
  Loop loop(context, job, trainer, grid.get(), trace.get(), split.validation, end);
  // A run that is killed before its first scheduled checkpoint can be resumed too.
  if (!job.resumed) loop.write_checkpoint();
  job.directory.write_config(toml);
  job.directory.truncate_metrics(trainer.iteration());
  if (job.resumed) report_environment(job, trainer.checkpoint_contents("").environment);
  job.directory.append_log(
      fmt::format("{} at iteration {} of {}", job.resumed ? "resumed" : "started", trainer.iteration(), end));
  loop.run();
  if (trace) trace->finish(job.config.run.trace);
  job.directory.append_log(
      fmt::format("{} at iteration {}", stop_signal != 0 ? "stopped" : "finished", trainer.iteration()));
  report_end(job, loop, trainer.iteration());
  return 0;
}

}  // namespace mebm::tools

#include "tools/train_loop.h"

#include <unistd.h>

#include <atomic>
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
#include "tools/trace.h"
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

std::vector<float> to_floats(const Tensor& images, std::int64_t count) {
  const Tensor rows = images.rows(0, count);
  std::vector<double> values(static_cast<std::size_t>(rows.elements()));
  engine::ops::read(rows, values);
  return {values.begin(), values.end()};
}

// "p0 | chains | data": the last batch of chains beside fresh draws of p0 and training images.
class SampleGrid {
 public:
  SampleGrid(engine::Context& context, const ebm::Trainer& trainer, const data::ImageSet& images,
             std::span<const std::int64_t> indices)
      : channels_(images.channels), height_(images.height), width_(images.width) {
    const auto count = std::min<std::size_t>(kGridImages, indices.size());
    const auto dtype = engine::DType::fp32;
    data_ = to_floats(ebm::load_images(context, images, indices.first(count), dtype),
                      static_cast<std::int64_t>(count));
    std::vector<std::uint32_t> slots(kGridImages);
    std::iota(slots.begin(), slots.end(), 0u);
    Tensor p0 = context.empty({kGridImages, channels_, height_, width_},
                              trainer.config().run.precision == "fp64" ? engine::DType::fp64 : dtype);
    trainer.initial()->draw(
        {engine::PhiloxKey(trainer.config().run.seed), engine::RandomPurpose::sample_fill, 0}, slots, true,
        p0);
    p0_ = to_floats(p0, kGridImages);
  }

  void write(const std::filesystem::path& path, const Tensor& chains) const {
    const auto count = std::min<std::int64_t>(kGridImages, chains.extent(0));
    const std::vector<float> values = to_floats(chains, count);
    report::write_png(path, report::three_panel(view(p0_), view(values), view(data_)));
  }

 private:
  report::ImagesView view(const std::vector<float>& values) const {
    const int size = channels_ * height_ * width_;
    return {values.data(), static_cast<int>(values.size()) / size, channels_, height_, width_};
  }

  int channels_, height_, width_;
  std::vector<float> p0_, data_;
};

std::shared_ptr<const ebm::InitialDistribution> make_initial(engine::Context& context, const TrainJob& job,
                                                             std::span<const std::int64_t> indices) {
  const ebm::Config& c = job.config;
  if (c.objective.energy_weight == 0) return nullptr;
  const auto dtype = c.run.precision == "fp64" ? engine::DType::fp64 : engine::DType::fp32;
  if (!job.initial_distribution.empty())
    return ebm::read_initial_distribution(job.initial_distribution, context, dtype);
  if (job.resumed && job.checkpoint->has_initial_distribution())
    return job.checkpoint->initial_distribution(context, dtype);
  if (c.init.kind == "uniform")
    return std::make_shared<ebm::UniformInitialDistribution>(
        context, ebm::ImageShape{job.images.channels, job.images.height, job.images.width});
  std::fprintf(stderr, "fitting p0 to %zu images\n", indices.size());
  return std::make_shared<ebm::GaussianInitialDistribution>(
      context, ebm::fit_gaussian(context, job.images, indices, c.init.jitter), dtype);
}

// What resume has to say when the machine or its use changed.
void report_environment(const TrainJob& job, const ebm::RunEnvironment& now) {
  const auto then = job.checkpoint->environment();
  if (!then || *then == now) return;
  if (then->threads != now.threads)
    std::fprintf(stderr,
                 "note: the run used %d threads, now %d: weight gradients round differently, so the "
                 "continuation is not "
                 "bit-identical\n",
                 then->threads, now.threads);
  if (then->processor != now.processor || then->convolution != now.convolution)
    std::fprintf(
        stderr, "note: the run used %s (%s convolutions), now %s (%s): results may differ in rounding\n",
        then->processor.c_str(), then->convolution.c_str(), now.processor.c_str(), now.convolution.c_str());
}

class Loop {
 public:
  Loop(engine::Context& context, TrainJob& job, ebm::Trainer& trainer, const SampleGrid* grid,
       std::span<const std::int64_t> validation, std::int64_t end)
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
    trainer.add_observer(&last_chains_);
    if (job.resumed) best_accuracy_ = job.checkpoint->best_validation_accuracy();
  }

  void run() {
    const ebm::RunConfig& c = job_.config.run;
    // A signal after `last` was decided lets one more iteration run, so that the loop always ends with a
    // checkpoint.
    for (bool last = false; !last && trainer_.iteration() < end_;) {
      const ebm::IterationResult result = trainer_.step();
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
    return contents;
  }

  void write_samples() {
    if (grid_ != nullptr && last_chains_.chains().defined())
      grid_->write(job_.directory.sample_path(trainer_.iteration()), last_chains_.chains());
  }

  void write_checkpoint() {
    ebm::write_checkpoint(job_.directory.checkpoint_path(trainer_.iteration()), contents());
    job_.directory.retain(job_.config.run.checkpoints_kept, trainer_.iteration());
  }

  engine::Context& context_;
  std::span<const std::int64_t> validation_;  // images held out; may be empty
  TrainJob& job_;
  ebm::Trainer& trainer_;
  const SampleGrid* grid_;
  std::int64_t end_;
  std::string toml_;
  double best_accuracy_ = -1;
  LastChains last_chains_;
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

void check_weights(const TrainJob& job) {
  if (job.checkpoint == nullptr) return;
  const models::WideResNetConfig wanted =
      ebm::Trainer::network_config(job.config.model, job.images.channels, job.images.height);
  models::WideResNetConfig stored = job.checkpoint->model().network;
  if (!(stored == wanted))
    engine::fail_input(
        "{}: is a WRN-{}-{} for {}x{}x{} with {} classes (norm {}), the configuration wants a WRN-{}-{} "
        "for {}x{}x{} with {} (norm {})",
        job.checkpoint->path().string(), stored.depth, stored.width, stored.in_channels, stored.image_size,
        stored.image_size, stored.num_classes, stored.norm, wanted.depth, wanted.width, wanted.in_channels,
        wanted.image_size, wanted.image_size, wanted.num_classes, wanted.norm);
}

}  // namespace

int train(TrainJob& job, bool dry_run) {
  check_weights(job);
  const data::ValidationSplit split =
      data::split_validation(job.images.count(), job.config.data.validation, job.config.run.seed);
  const std::int64_t whole = std::int64_t{job.config.run.epochs} * job.config.run.iterations_per_epoch;
  const std::int64_t end = job.max_iterations >= 0 ? std::min(whole, job.max_iterations) : whole;
  const std::int64_t begin = job.resumed ? job.checkpoint->iteration() : 0;
  const TrainPlan plan =
      measure_plan(job.config, job.images, job.threads, std::max<std::int64_t>(0, end - begin));
  std::cerr << plan_text(job.config, plan, job.threads);
  if (plan.memory_needed > plan.memory_free)
    std::cerr
        << "note        less memory is free than needed: lower data.batch_size, buffer.size or model.width\n";
  if (!job.resumed) job.directory.check_fresh(plan.checkpoint_bytes);
  if (!job.config.run.trace.empty()) engine::check_can_write(job.config.run.trace, 0);
  if (dry_run) return 0;

  engine::Context context({{},
                           job.threads,
                           0,
                           job.config.run.convolution == "winograd" ? engine::ConvolutionChoice::winograd
                                                                    : engine::ConvolutionChoice::automatic});
  const auto initial = make_initial(context, job, split.train);
  ebm::Trainer trainer(context, job.config, job.images, split.train, initial);
  start(job, trainer);
  job.directory.create(to_toml(job.config));
  job.directory.truncate_metrics(trainer.iteration());
  if (job.resumed) report_environment(job, trainer.checkpoint_contents("").environment);
  std::unique_ptr<SampleGrid> grid;
  const bool showable = job.images.channels == 1 || job.images.channels == 3;
  if (initial && showable) grid = std::make_unique<SampleGrid>(context, trainer, job.images, split.train);
  std::unique_ptr<TraceWriter> trace;
  if (!job.config.run.trace.empty()) {
    trace = std::make_unique<TraceWriter>(context, trainer, to_toml(job.config));
    trainer.add_observer(trace.get());
  }
  std::signal(SIGINT, remember_signal);
  std::signal(SIGTERM, remember_signal);
  job.directory.append_log(
      fmt::format("{} at iteration {} of {}", job.resumed ? "resumed" : "started", trainer.iteration(), end));
  Loop(context, job, trainer, grid.get(), split.validation, end).run();
  if (trace) trace->finish(job.config.run.trace);
  job.directory.append_log(
      fmt::format("{} at iteration {}", stop_signal != 0 ? "stopped" : "finished", trainer.iteration()));
  if (stop_signal != 0)
    std::cerr << "stopped by a signal after a checkpoint; continue with --resume --out "
              << job.directory.root().string() << "\n";
  if (grid) std::cerr << "samples     " << job.directory.sample_path(trainer.iteration()).string() << "\n";
  std::cerr << "checkpoint  " << job.directory.checkpoint_path(trainer.iteration()).string() << "\n";
  return 0;
}

}  // namespace mebm::tools

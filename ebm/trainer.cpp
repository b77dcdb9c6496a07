#include "ebm/trainer.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <utility>

#include "ebm/training_loss.h"
#include "engine/ops/dense.h"
#include "engine/ops/elementwise.h"

namespace mebm::ebm {

using autograd::Variable;
using engine::DType;
using engine::Tensor;
using engine::WriteMode;
namespace ops = engine::ops;

namespace {

// The type of master weights, statistics and chain states; what tf32 and bf16 mean besides is the context's.
DType run_dtype(const engine::Context& context, const std::string& precision) {
  if (precision == "fp64") return DType::fp64;
  if (precision == "fp32" || precision == "auto" || context.on_device()) return DType::fp32;
  engine::fail_input("run.precision '{}' is not available on the CPU in this version; known: fp32, fp64",
                     precision);
}

autograd::SgdOptions sgd_options(const OptimizerConfig& c) {
  return {c.learning_rate, c.momentum, c.weight_decay, c.warmup_iterations, c.milestones, c.decay};
}

}  // namespace

// What an iteration works on; the memory is kept from one to the next.
struct Trainer::Batches {
  TrainingRows rows;
  Tensor images;  // positives | chains | labelled
  Tensor labels;
  DataBatch positive_batch, labelled_batch;
  ChainBatch chains;
  Tensor chain_starts;
  Tensor iteration_cell, learning_rate_cell;  // what a device reads these from
  std::vector<const Tensor*> gradients;
};

models::WideResNetConfig Trainer::network_config(const ModelConfig& model, int channels, int image_size) {
  models::WideResNetConfig network;
  network.depth = model.depth;
  network.width = model.width;
  network.stages = models::WideResNetConfig::stages_for(image_size);
  network.norm = model.norm;
  network.num_classes = model.num_classes;
  network.in_channels = channels;
  network.image_size = image_size;
  network.leak = model.leak;
  return network;
}

Trainer::Trainer(engine::Context& context, const Config& config, const data::ImageSet& images,
                 std::vector<std::int64_t> training_indices,
                 std::shared_ptr<const InitialDistribution> initial)
    : context_(context),
      config_(config),
      dtype_(run_dtype(context, config.run.precision)),
      data_(images, std::move(training_indices), config),
      initial_(std::move(initial)),
      tape_(context),
      model_(context, network_config(config.model, images.channels, images.height), dtype_, config.run.seed),
      optimizer_(context, sgd_options(config.optimizer), model_.parameters()),
      work_(context) {
  const bool sampling = config.objective.energy_weight != 0;
  if (!sampling && config.objective.classifier_weight == 0)
    engine::fail_input(
        "objective.energy_weight and objective.classifier_weight are both 0: there is nothing to train");
  if (config.objective.classifier_weight != 0 && images.num_classes > config.model.num_classes)
    engine::fail_input("model.num_classes = {} is smaller than the {} classes of {}",
                       config.model.num_classes, images.num_classes, images.name);
  if (config.model.energy == "logsumexp" && config.model.num_classes == 0)
    engine::fail_input("model.energy = logsumexp needs a class head; model.num_classes is 0");
  if (!sampling) return;
  const ImageShape shape{images.channels, images.height, images.width};
  engine::require(initial_ != nullptr, "training with an energy term needs an initial distribution");
  if (!(initial_->image_shape() == shape))
    engine::fail_input("the initial distribution is for images of {}x{}x{}, {} has {}x{}x{}",
                       initial_->image_shape().channels, initial_->image_shape().height,
                       initial_->image_shape().width, images.name, shape.channels, shape.height, shape.width);
  if (config.data.batch_size > config.buffer.size)
    engine::fail_input("data.batch_size = {} is larger than buffer.size = {}", config.data.batch_size,
                       config.buffer.size);
  buffer_ = std::make_unique<ReplayBuffer>(context, config.buffer.size, shape, dtype_);
}

Trainer::~Trainer() = default;

void Trainer::start_fresh() {
  if (buffer_) buffer_->fill(*initial_, engine::PhiloxKey(config_.run.seed));
  iteration_ = 0;
}

void Trainer::resume(const CheckpointReader& checkpoint) {
  checkpoint.load_model(model_);
  checkpoint.load_momentum(model_, optimizer_.velocities());
  if (buffer_) checkpoint.load_buffer(*buffer_);
  iteration_ = checkpoint.iteration();
}

void Trainer::start_from_weights(const CheckpointReader& checkpoint) {
  start_fresh();
  checkpoint.load_model(model_);
  if (buffer_ && checkpoint.has_buffer() && checkpoint.buffer_size() == buffer_->size())
    checkpoint.load_buffer(*buffer_);
}

LangevinOptions Trainer::langevin_options() const {
  const SamplerConfig& s = config_.sampler;
  return {s.steps,
          s.step_size,
          s.noise,
          s.gradient_clamp,
          s.pixel_clamp,
          s.batch_norm == "batch",
          models::parse_energy_kind(config_.model.energy)};
}

void Trainer::make_batches() {
  const bool energy = config_.objective.energy_weight != 0,
             classes = config_.objective.classifier_weight != 0;
  const LangevinOptions langevin = langevin_options();
  batches_ = std::make_unique<Batches>();
  Batches& b = *batches_;
  b.rows = arrange_rows(energy ? config_.data.batch_size : 0, classes ? config_.data.labelled_batch_size : 0,
                        langevin.batch_statistics ? langevin.steps : 0);
  const data::ImageSet& set = data_.images();
  b.images = context_.empty({b.rows.pass.groups.rows(), set.channels, set.height, set.width}, dtype_);
  if (classes) b.labels = context_.empty({b.rows.labelled}, DType::int32);
  results_ = std::make_unique<IterationResults>(context_, energy, classes);
  b.iteration_cell = context_.empty({1}, DType::int32);
  b.learning_rate_cell = context_.empty({1}, DType::fp64);
  model_.reserve_statistics(b.rows.slots);
}

// Every random integer of the iteration, and the numbers a device reads from memory.
void Trainer::choose_batches(double learning_rate, bool keep_starts) {
  Batches& b = *batches_;
  if (b.rows.positives > 0) {
    data_.choose_positives(context_, iteration_, b.positive_batch);
    buffer_->choose(engine::PhiloxKey(config_.run.seed), static_cast<std::uint32_t>(iteration_),
                    b.rows.positives, config_.buffer.reinit_probability, b.chains);
    if (keep_starts && !b.chain_starts.defined())
      b.chain_starts = context_.empty(b.chains.images.shape(), dtype_);
  }
  if (b.rows.labelled > 0) {
    data_.choose_labelled(context_, iteration_, b.labelled_batch);
    ops::write_labels(context_, b.labelled_batch.labels, config_.model.num_classes, b.labels);
  }
  const auto iteration = static_cast<std::uint32_t>(iteration_);
  ops::upload(context_, &iteration, sizeof iteration, b.iteration_cell);
  ops::upload(context_, &learning_rate, sizeof learning_rate, b.learning_rate_cell);
}

void Trainer::load_images(const engine::Scalar<std::uint32_t>& iteration) {
  Batches& b = *batches_;
  if (b.rows.positives > 0) {
    Tensor rows = b.images.rows(0, b.rows.positives);
    data_.load_positives(context_, iteration, b.positive_batch, rows);
  }
  if (b.rows.labelled > 0) {
    Tensor rows = b.images.rows(2 * b.rows.positives, b.rows.labelled);
    data_.load_labelled(context_, iteration, b.labelled_batch, rows);
  }
}

void Trainer::sample_negatives(const engine::Scalar<std::uint32_t>& iteration, bool keep_starts) {
  Batches& b = *batches_;
  const engine::PhiloxKey key(config_.run.seed);
  buffer_->start(*initial_, key, iteration, b.chains);
  if (keep_starts) ops::copy(context_, b.chains.images, b.chain_starts, WriteMode::overwrite);
  LangevinRun run;
  run.key = key;
  run.iteration = iteration;
  run.first_statistics_slot = b.rows.first_chain_slot;
  LangevinSampler(tape_, langevin_options()).run(model_, run, Tensor(), b.chains.images);
  Tensor rows = b.images.rows(b.rows.positives, b.rows.positives);
  ops::copy(context_, b.chains.images, rows, WriteMode::overwrite);
}

// Leaves what the iteration reports where its results are read from.
Variable Trainer::forward_loss() {
  Batches& b = *batches_;
  TrainingLoss out = training_loss(tape_, model_, b.images, b.labels, b.rows,
                                   models::parse_energy_kind(config_.model.energy), config_.objective);
  const auto report = [&](IterationResults::Number number, const Tensor& values) {
    Tensor place = results_->place(number);
    ops::sum_into(context_, values, 1 / static_cast<double>(values.elements()), place, WriteMode::overwrite);
  };
  report(IterationResults::kLoss, out.loss.value);
  if (out.energies.defined()) {
    report(IterationResults::kEnergyPositive, out.energies.rows(0, b.rows.positives));
    report(IterationResults::kEnergyNegative, out.energies.rows(b.rows.positives, b.rows.positives));
  }
  if (out.cross_entropy.defined()) report(IterationResults::kCrossEntropy, out.cross_entropy);
  return std::move(out.loss);
}

void Trainer::report_gradient_norm() {
  std::vector<const Tensor*>& gradients = batches_->gradients;
  gradients.clear();
  for (const autograd::Parameter* parameter : optimizer_.parameters())
    if (parameter->has_gradient()) gradients.push_back(&parameter->gradient);
  Tensor place = results_->place(IterationResults::kSquaredGradientNorm);
  ops::sum_of_squares_into(context_, gradients, place);
}

// The whole iteration. On a device it is enqueued once and launched as a graph from then on, so nothing here
// may depend on the host's state beyond what choose_batches() has put into memory.
void Trainer::run_iteration(const engine::Scalar<std::uint32_t>& iteration,
                            const engine::Scalar<double>& learning_rate, bool keep_starts) {
  Batches& b = *batches_;
  load_images(iteration);
  if (b.rows.positives > 0) sample_negatives(iteration, keep_starts);
  tape_.clear();
  optimizer_.zero_gradients();
  Variable loss = forward_loss();
  tape_.backward(loss);
  tape_.clear();
  report_gradient_norm();
  if (!context_.on_device()) check_before_update();
  model_.fold_statistics(b.rows.slots);
  optimizer_.step(learning_rate);
  if (b.rows.positives > 0) buffer_->write_back(b.chains);
}

// A diverged iteration changes no weight where the host knows in time.
void Trainer::check_before_update() const {
  IterationResult result = results_->read_now();
  result.iteration = iteration_;
  check_divergence(result);
}

void Trainer::begin(std::span<TrainingObserver* const> observers) {
  const auto begin = std::chrono::steady_clock::now();
  const double learning_rate = optimizer_.learning_rate(iteration_, epoch());
  const bool keep_starts = std::any_of(observers.begin(), observers.end(),
                                       [](const TrainingObserver* o) { return o->wants_starts(); });
  if (batches_ == nullptr) make_batches();
  engine::require(results_->outstanding() < IterationResults::kMostOutstanding,
                  "an iteration was begun with {} results not taken", results_->outstanding());
  const Batches& b = *batches_;
  choose_batches(learning_rate, keep_starts);
  const auto work = [&] {
    run_iteration({static_cast<std::uint32_t>(iteration_), &b.iteration_cell},
                  {learning_rate, &b.learning_rate_cell}, keep_starts);
  };
  const bool enqueued = work_.run(keep_starts ? "with starts" : "", std::ref(work));
  if (!enqueued) model_.count_batches(b.rows.slots);
  results_->enqueue(iteration_, epoch(), learning_rate, begin);
  if (b.rows.positives > 0) buffer_->advance_ages(b.chains, config_.sampler.steps);
  IterationChoices choices;
  choices.chains = b.rows.positives > 0 ? &b.chains : nullptr;
  if (keep_starts) choices.chain_starts = b.chain_starts;
  choices.positives = b.rows.positives > 0 ? &b.positive_batch : nullptr;
  choices.labelled = b.rows.labelled > 0 ? &b.labelled_batch : nullptr;
  for (TrainingObserver* observer : observers) observer->iteration_begun(iteration_, choices);
  ++iteration_;
}

std::optional<IterationResult> Trainer::take_result(bool wait) {
  if (results_ == nullptr) return std::nullopt;
  std::optional<IterationResult> result = results_->take(wait);
  if (result) check_divergence(*result);
  return result;
}

IterationResult Trainer::step(std::span<TrainingObserver* const> observers) {
  begin(observers);
  engine::require(results_->outstanding() == 1, "step() with results of earlier iterations not taken");
  return *take_result(true);
}

CheckpointContents Trainer::checkpoint_contents(std::string config_toml) {
  CheckpointContents contents;
  contents.config_toml = std::move(config_toml);
  contents.iteration = iteration_;
  contents.epoch = epoch();
  contents.model = &model_;
  contents.energy = config_.model.energy;
  contents.velocities = optimizer_.velocities();
  contents.buffer = buffer_.get();
  contents.initial = initial_.get();
  const std::string processor =
      context_.on_device() ? engine::device_name(context_.device().index) : engine::cpu_name();
  contents.environment = {config_.run.seed, config_.run.precision == "auto" ? "fp32" : config_.run.precision,
                          processor, config_.run.convolution, context_.threads()};
  return contents;
}

}  // namespace mebm::ebm

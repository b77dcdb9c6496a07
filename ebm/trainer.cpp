#include "ebm/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
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

constexpr double kDivergedLoss = 1e5;

DType run_dtype(const std::string& precision) {
  if (precision == "fp32") return DType::fp32;
  if (precision == "fp64") return DType::fp64;
  engine::fail_input("run.precision '{}' is not available on the CPU in this version; known: fp32, fp64",
                     precision);
}

autograd::SgdOptions sgd_options(const OptimizerConfig& c) {
  return {c.learning_rate, c.momentum, c.weight_decay, c.warmup_iterations, c.milestones, c.decay};
}

}  // namespace

// The images of an iteration in one tensor, positives | chains | labelled, and where they came from.
struct Trainer::Batches {
  TrainingRows rows;
  Tensor images;
  DataBatch positive_batch, labelled_batch;
  ChainBatch chains;
  Tensor chain_starts;
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
      dtype_(run_dtype(config.run.precision)),
      data_(images, std::move(training_indices), config),
      initial_(std::move(initial)),
      tape_(context),
      model_(context, network_config(config.model, images.channels, images.height), dtype_, config.run.seed),
      optimizer_(context, sgd_options(config.optimizer), model_.parameters()) {
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

void Trainer::load_batches(Batches& b) {
  const bool energy = config_.objective.energy_weight != 0,
             classes = config_.objective.classifier_weight != 0;
  const LangevinOptions langevin = langevin_options();
  b.rows = arrange_rows(energy ? config_.data.batch_size : 0, classes ? config_.data.labelled_batch_size : 0,
                        langevin.batch_statistics ? langevin.steps : 0);
  const data::ImageSet& set = data_.images();
  b.images = context_.empty({b.rows.pass.groups.rows(), set.channels, set.height, set.width}, dtype_);
  if (energy) {
    Tensor rows = b.images.rows(0, b.rows.positives);
    b.positive_batch = data_.positives(context_, iteration_, rows);
  }
  if (classes) {
    Tensor rows = b.images.rows(2 * b.rows.positives, b.rows.labelled);
    b.labelled_batch = data_.labelled(context_, iteration_, rows);
  }
  model_.reserve_statistics(b.rows.slots);
}

void Trainer::sample_negatives(Batches& b, bool keep_starts) {
  const engine::PhiloxKey key(config_.run.seed);
  b.chains = buffer_->draw(*initial_, key, static_cast<std::uint32_t>(iteration_), b.rows.positives,
                           config_.buffer.reinit_probability);
  if (keep_starts) b.chain_starts = ops::clone(context_, b.chains.images);
  LangevinRun run;
  run.key = key;
  run.iteration = static_cast<std::uint32_t>(iteration_);
  run.first_statistics_slot = b.rows.first_chain_slot;
  LangevinSampler(tape_, langevin_options()).run(model_, run, Tensor(), b.chains.images);
  Tensor rows = b.images.rows(b.rows.positives, b.rows.positives);
  ops::copy(context_, b.chains.images, rows, WriteMode::overwrite);
}

Variable Trainer::forward_loss(Batches& b, IterationResult& result) {
  Tensor labels;
  if (b.rows.labelled > 0)
    labels = ops::make_labels(context_, b.labelled_batch.labels, config_.model.num_classes);
  TrainingLoss out = training_loss(tape_, model_, b.images, labels, b.rows,
                                   models::parse_energy_kind(config_.model.energy), config_.objective);
  result.energy_positive = out.energy_positive;
  result.energy_negative = out.energy_negative;
  result.cross_entropy = out.cross_entropy;
  result.loss = ops::scalar(out.loss.value);
  return std::move(out.loss);
}

double Trainer::gradient_norm() {
  std::vector<const Tensor*> gradients;
  for (const autograd::Parameter* parameter : model_.parameters())
    if (parameter->reached) gradients.push_back(&parameter->gradient);
  Tensor sum = context_.empty({1}, DType::fp64);
  ops::sum_of_squares_into(context_, gradients, sum);
  return std::sqrt(ops::scalar(sum));
}

void Trainer::check_divergence(const IterationResult& r) const {
  if (std::isfinite(r.loss) && std::abs(r.loss) <= kDivergedLoss && std::isfinite(r.gradient_norm)) return;
  engine::fail(
      "diverged at iteration {}: loss {:.4g}, E+ {:.4g}, E- {:.4g}, gradient norm {:.4g}; lower "
      "optimizer.learning_rate, raise sampler.steps or objective.l2_coefficient, or continue from an earlier "
      "checkpoint with another run.seed",
      r.iteration, r.loss, r.energy_positive, r.energy_negative, r.gradient_norm);
}

IterationResult Trainer::step(std::span<TrainingObserver* const> observers) {
  const auto begin = std::chrono::steady_clock::now();
  IterationResult result;
  result.iteration = iteration_;
  result.epoch = epoch();
  result.learning_rate = optimizer_.learning_rate(iteration_, result.epoch);
  Batches batches;
  load_batches(batches);
  const bool keep_starts = std::any_of(observers.begin(), observers.end(),
                                       [](const TrainingObserver* o) { return o->wants_starts(); });
  if (batches.rows.positives > 0) sample_negatives(batches, keep_starts);
  tape_.clear();
  model_.zero_gradients();
  Variable loss = forward_loss(batches, result);
  tape_.backward(loss);
  tape_.clear();
  result.gradient_norm = gradient_norm();
  check_divergence(result);
  model_.fold_statistics(batches.rows.slots);
  optimizer_.step(result.learning_rate);
  if (batches.rows.positives > 0) buffer_->write_back(batches.chains, config_.sampler.steps);
  ++iteration_;
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  IterationChoices choices;
  choices.chains = batches.rows.positives > 0 ? &batches.chains : nullptr;
  choices.chain_starts = batches.chain_starts;
  choices.positives = batches.rows.positives > 0 ? &batches.positive_batch : nullptr;
  choices.labelled = batches.rows.labelled > 0 ? &batches.labelled_batch : nullptr;
  for (TrainingObserver* observer : observers) observer->iteration_done(result, choices);
  return result;
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
  contents.environment = {config_.run.seed, config_.run.precision, engine::cpu_name(),
                          config_.run.convolution, context_.threads()};
  return contents;
}

}  // namespace mebm::ebm

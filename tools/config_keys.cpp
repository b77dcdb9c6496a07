#include "tools/config_keys.h"

namespace mebm::tools {
namespace {

using ebm::BufferConfig;
using ebm::Config;
using ebm::DataConfig;
using ebm::InitConfig;
using ebm::ModelConfig;
using ebm::ObjectiveConfig;
using ebm::OptimizerConfig;
using ebm::PublishedRow;
using ebm::RunConfig;
using ebm::SamplerConfig;

template <auto Section, auto Member>
Field access() {
  return +[](Config & config) -> auto& {
    return config.*Section.*Member;
  };
}

Range at_least(double minimum) {
  return {minimum, std::numeric_limits<double>::infinity(), false};
}
Range between(double minimum, double maximum) {
  return {minimum, maximum, false};
}
Range positive() {
  return {0, std::numeric_limits<double>::infinity(), true};
}

void add_model(std::vector<Key>& keys) {
  constexpr auto kModel = &Config::model;
  keys.push_back({"model",
                  "architecture",
                  access<kModel, &ModelConfig::architecture>(),
                  {},
                  {"wide_resnet"},
                  {},
                  "",
                  "network"});
  keys.push_back({"model",
                  "depth",
                  access<kModel, &ModelConfig::depth>(),
                  between(10, 1000),
                  {},
                  {},
                  "layers",
                  "depth of the Wide-ResNet, 6n + 4"});
  keys.push_back(
      {"model",
       "width",
       access<kModel, &ModelConfig::width>(),
       between(1, 128),
       {},
       {},
       "",
       "widening factor: stages have 16w, 32w, 64w channels (128w for images of 64 pixels and more)"});
  keys.push_back({"model",
                  "norm",
                  access<kModel, &ModelConfig::norm>(),
                  {},
                  {"batch", "none"},
                  {"instance", "layer", "group", "act"},
                  "",
                  "normalisation"});
  keys.push_back({"model",
                  "num_classes",
                  access<kModel, &ModelConfig::num_classes>(),
                  between(0, 100000),
                  {},
                  {},
                  "",
                  "outputs of the class head; 0: no class head"});
  keys.push_back({"model",
                  "energy",
                  access<kModel, &ModelConfig::energy>(),
                  {},
                  {"head", "logsumexp"},
                  {"class"},
                  "",
                  "what -E(x) is: the energy head, or the log-sum-exp of the class logits"});
  keys.push_back({"model",
                  "leak",
                  access<kModel, &ModelConfig::leak>(),
                  between(0, 1),
                  {},
                  {},
                  "",
                  "slope of LeakyReLU below 0"});
}

void add_data(std::vector<Key>& keys) {
  constexpr auto kData = &Config::data;
  keys.push_back({"data",
                  "set",
                  access<kData, &DataConfig::set>(),
                  {},
                  {"cifar10", "cifar100", "fashion-mnist", "mnist", "images"},
                  {"svhn", "imagenet32", "celebahq128"},
                  "",
                  "data set; images: an HDF5 images file"});
  keys.push_back({"data",
                  "batch_size",
                  access<kData, &DataConfig::batch_size>(),
                  between(1, 1 << 20),
                  {},
                  {},
                  "images",
                  "data images per iteration, and as many chains"});
  keys.push_back({"data",
                  "labelled_batch_size",
                  access<kData, &DataConfig::labelled_batch_size>(),
                  between(1, 1 << 20),
                  {},
                  {},
                  "images",
                  "labelled images per iteration"});
  keys.push_back({"data",
                  "augment",
                  access<kData, &DataConfig::augment>(),
                  {},
                  {},
                  {},
                  "",
                  "reflect-pad 4, random crop and flip of the labelled images"});
  keys.push_back({"data",
                  "augment_positives",
                  access<kData, &DataConfig::augment_positives>(),
                  {},
                  {},
                  {},
                  "",
                  "the same for the data images of the energy terms"});
  keys.push_back({"data",
                  "noise",
                  access<kData, &DataConfig::noise>(),
                  between(0, 10),
                  {},
                  {},
                  "pixel units of [-1,1]",
                  "standard deviation of Gaussian noise added to data images"});
  keys.push_back({"data",
                  "validation",
                  access<kData, &DataConfig::validation>(),
                  at_least(0),
                  {},
                  {},
                  "images",
                  "training images held out, chosen by the seed"});
  keys.push_back({"data",
                  "test",
                  access<kData, &DataConfig::test>(),
                  {},
                  {},
                  {},
                  "path",
                  "test images, where the data set does not define them"});
}

void add_sampling(std::vector<Key>& keys) {
  constexpr auto kSampler = &Config::sampler;
  constexpr auto kBuffer = &Config::buffer;
  constexpr auto kInit = &Config::init;
  keys.push_back({"sampler",
                  "steps",
                  access<kSampler, &SamplerConfig::steps>(),
                  between(0, 1000000),
                  {},
                  {},
                  "steps",
                  "Langevin steps of each chain per iteration, the paper's K"});
  keys.push_back({"sampler",
                  "step_size",
                  access<kSampler, &SamplerConfig::step_size>(),
                  positive(),
                  {},
                  {},
                  "",
                  "factor on the gradient"});
  keys.push_back({"sampler",
                  "noise",
                  access<kSampler, &SamplerConfig::noise>(),
                  between(0, 10),
                  {},
                  {},
                  "pixel units of [-1,1]",
                  "standard deviation of the noise of a step"});
  keys.push_back({"sampler",
                  "gradient_clamp",
                  access<kSampler, &SamplerConfig::gradient_clamp>(),
                  at_least(0),
                  {},
                  {},
                  "",
                  "elementwise bound on the gradient; 0: off"});
  keys.push_back({"sampler",
                  "pixel_clamp",
                  access<kSampler, &SamplerConfig::pixel_clamp>(),
                  at_least(0),
                  {},
                  {},
                  "",
                  "elementwise bound on the image after the noise; 0: off"});
  keys.push_back({"sampler",
                  "batch_norm",
                  access<kSampler, &SamplerConfig::batch_norm>(),
                  {},
                  {"batch", "running"},
                  {},
                  "",
                  "statistics batch-norm uses while sampling"});
  keys.push_back({"buffer",
                  "size",
                  access<kBuffer, &BufferConfig::size>(),
                  between(1, 1 << 30),
                  {},
                  {},
                  "images",
                  "chains kept in the replay buffer"});
  keys.push_back({"buffer",
                  "reinit_probability",
                  access<kBuffer, &BufferConfig::reinit_probability>(),
                  between(0, 1),
                  {},
                  {},
                  "",
                  "probability that a drawn chain restarts from the initial distribution"});
  keys.push_back({"init",
                  "kind",
                  access<kInit, &InitConfig::kind>(),
                  {},
                  {"gaussian", "uniform"},
                  {"low_resolution", "full_resolution", "per_class", "data"},
                  "",
                  "initial distribution of the chains: Gaussian of the training set, or uniform on [-1,1]"});
  keys.push_back({"init",
                  "jitter",
                  access<kInit, &InitConfig::jitter>(),
                  between(0, 10),
                  {},
                  {},
                  "",
                  "added to the diagonal of the covariance"});
}

void add_objective(std::vector<Key>& keys) {
  constexpr auto kObjective = &Config::objective;
  constexpr auto kOptimizer = &Config::optimizer;
  keys.push_back({"objective",
                  "l2_coefficient",
                  access<kObjective, &ObjectiveConfig::l2_coefficient>(),
                  at_least(0),
                  {},
                  {},
                  "",
                  "weight of the L2 term on the energies"});
  keys.push_back({"objective",
                  "l2_form",
                  access<kObjective, &ObjectiveConfig::l2_form>(),
                  {},
                  {"paper", "reference", "means"},
                  {},
                  "",
                  "paper: mean(E+^2) + mean(E-^2); reference: mean(E+^2) + (mean E-)^2; means: (mean E+)^2 + "
                  "(mean E-)^2"});
  keys.push_back({"objective",
                  "classifier_weight",
                  access<kObjective, &ObjectiveConfig::classifier_weight>(),
                  at_least(0),
                  {},
                  {},
                  "",
                  "weight of the cross-entropy; 0: no labelled batch is drawn"});
  keys.push_back({"objective",
                  "energy_weight",
                  access<kObjective, &ObjectiveConfig::energy_weight>(),
                  at_least(0),
                  {},
                  {},
                  "",
                  "weight of the energy terms; 0: nothing is sampled"});
  keys.push_back({"optimizer",
                  "name",
                  access<kOptimizer, &OptimizerConfig::name>(),
                  {},
                  {"sgd"},
                  {"adam"},
                  "",
                  "optimiser"});
  keys.push_back({"optimizer",
                  "learning_rate",
                  access<kOptimizer, &OptimizerConfig::learning_rate>(),
                  at_least(0),
                  {},
                  {},
                  "",
                  "learning rate after the warm-up"});
  keys.push_back({"optimizer",
                  "momentum",
                  access<kOptimizer, &OptimizerConfig::momentum>(),
                  between(0, 1),
                  {},
                  {},
                  "",
                  "momentum"});
  keys.push_back({"optimizer",
                  "weight_decay",
                  access<kOptimizer, &OptimizerConfig::weight_decay>(),
                  at_least(0),
                  {},
                  {},
                  "",
                  "L2 penalty on every parameter the loss reaches"});
  keys.push_back({"optimizer",
                  "warmup_iterations",
                  access<kOptimizer, &OptimizerConfig::warmup_iterations>(),
                  at_least(0),
                  {},
                  {},
                  "iterations",
                  "linear warm-up of the learning rate from 0"});
  keys.push_back({"optimizer",
                  "milestones",
                  access<kOptimizer, &OptimizerConfig::milestones>(),
                  at_least(0),
                  {},
                  {},
                  "epochs",
                  "epochs, counted from 0, at whose start the learning rate is multiplied by decay"});
  keys.push_back({"optimizer",
                  "decay",
                  access<kOptimizer, &OptimizerConfig::decay>(),
                  between(0, 1),
                  {},
                  {},
                  "",
                  "factor on the learning rate at each milestone"});
}

void add_run(std::vector<Key>& keys) {
  constexpr auto kRun = &Config::run;
  keys.push_back({"run",
                  "epochs",
                  access<kRun, &RunConfig::epochs>(),
                  between(1, 1000000),
                  {},
                  {},
                  "epochs",
                  "length of the run"});
  keys.push_back({"run",
                  "iterations_per_epoch",
                  access<kRun, &RunConfig::iterations_per_epoch>(),
                  between(1, 100000000),
                  {},
                  {},
                  "iterations",
                  "length of an epoch"});
  keys.push_back({"run",
                  "seed",
                  access<kRun, &RunConfig::seed>(),
                  at_least(0),
                  {},
                  {},
                  "",
                  "key of every random choice of the run"});
  keys.push_back({"run",
                  "precision",
                  access<kRun, &RunConfig::precision>(),
                  {},
                  {"fp32", "fp64"},
                  {"tf32", "bf16"},
                  "",
                  "arithmetic"});
  keys.push_back({"run",
                  "device",
                  access<kRun, &RunConfig::device>(),
                  {},
                  {"auto", "cpu"},
                  {"cuda"},
                  "",
                  "where to compute"});
  keys.push_back({"run",
                  "threads",
                  access<kRun, &RunConfig::threads>(),
                  between(0, 4096),
                  {},
                  {},
                  "threads",
                  "0: one per physical core"});
  keys.push_back({"run",
                  "convolution",
                  access<kRun, &RunConfig::convolution>(),
                  {},
                  {"auto", "direct"},
                  {"winograd"},
                  "",
                  "convolution algorithm"});
  keys.push_back({"run",
                  "checkpoint_every",
                  access<kRun, &RunConfig::checkpoint_every>(),
                  at_least(0),
                  {},
                  {},
                  "iterations",
                  "0: only the last"});
  keys.push_back({"run",
                  "checkpoints_kept",
                  access<kRun, &RunConfig::checkpoints_kept>(),
                  between(1, 1000000),
                  {},
                  {},
                  "files",
                  "older checkpoints are removed"});
  keys.push_back({"run",
                  "evaluate_every",
                  access<kRun, &RunConfig::evaluate_every>(),
                  at_least(0),
                  {},
                  {},
                  "epochs",
                  "evaluation on the validation split; 0: never"});
  keys.push_back({"run",
                  "log_every",
                  access<kRun, &RunConfig::log_every>(),
                  at_least(1),
                  {},
                  {},
                  "iterations",
                  "iterations between lines of metrics.jsonl"});
  keys.push_back({"run",
                  "sample_every",
                  access<kRun, &RunConfig::sample_every>(),
                  at_least(0),
                  {},
                  {},
                  "iterations",
                  "iterations between grids of samples; 0: only the last"});
  keys.push_back({"run",
                  "trace",
                  access<kRun, &RunConfig::trace>(),
                  {},
                  {},
                  {},
                  "path",
                  "file that records every random choice; empty: off"});
}

void add_published(std::vector<Key>& keys) {
  constexpr auto kRow = &Config::published;
  const std::string section(kPublishedSection);
  keys.push_back({section, "source", access<kRow, &PublishedRow::source>(), {}, {}, {}, "", "table and row"});
  keys.push_back({section,
                  "accuracy",
                  access<kRow, &PublishedRow::accuracy>(),
                  between(0, 100),
                  {},
                  {},
                  "percent",
                  "test accuracy; 0: not reported"});
  keys.push_back({section,
                  "inception_score",
                  access<kRow, &PublishedRow::inception_score>(),
                  at_least(0),
                  {},
                  {},
                  "",
                  "0: not reported"});
  keys.push_back(
      {section, "fid", access<kRow, &PublishedRow::fid>(), at_least(0), {}, {}, "", "0: not reported"});
  keys.push_back({section,
                  "minutes_per_epoch",
                  access<kRow, &PublishedRow::minutes_per_epoch>(),
                  at_least(0),
                  {},
                  {},
                  "minutes",
                  "390 iterations on the paper's GPU; 0: not reported"});
  keys.push_back({section,
                  "diverged",
                  access<kRow, &PublishedRow::diverged>(),
                  {},
                  {},
                  {},
                  "",
                  "the run diverged; best values before"});
}

}  // namespace

const std::vector<Key>& all_keys() {
  static const std::vector<Key> keys = [] {
    std::vector<Key> table;
    add_model(table);
    add_data(table);
    add_sampling(table);
    add_objective(table);
    add_run(table);
    add_published(table);
    return table;
  }();
  return keys;
}

const std::vector<std::string>& all_sections() {
  static const std::vector<std::string> sections = [] {
    std::vector<std::string> names;
    for (const Key& key : all_keys())
      if (names.empty() || names.back() != key.section) names.push_back(key.section);
    return names;
  }();
  return sections;
}

const Key* find_key(std::string_view section, std::string_view name) {
  for (const Key& key : all_keys())
    if (key.section == section && key.name == name) return &key;
  return nullptr;
}

}  // namespace mebm::tools

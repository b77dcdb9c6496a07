#include "tools/config_keys.h"

#include <utility>

#include "tools/config.h"

namespace mebm::tools {
namespace {

using ebm::Config;

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

using Texts = std::vector<std::string>;

// Adds the keys of one section to the table.
class Section {
 public:
  Section(std::vector<Key>& keys, std::string_view name) : keys_(keys), name_(name) {}

  void flag(const char* name, Field field, const char* help) {
    keys_.push_back({name_, name, field, {}, {}, {}, "", help, true});
  }
  // A key the file format reserves; validate() refuses every value but its default.
  void later(const char* name, Field field) {
    keys_.push_back({name_, name, field, {}, {}, {}, "", "not in this version", false});
  }
  void number(const char* name, Field field, Range range, const char* unit, const char* help) {
    keys_.push_back({name_, name, field, range, {}, {}, unit, help, true});
  }
  void text(const char* name, Field field, const char* unit, const char* help) {
    keys_.push_back({name_, name, field, {}, {}, {}, unit, help, true});
  }
  // `later`: values the file format reserves that this version cannot do.
  void choice(const char* name, Field field, Texts values, Texts later, const char* help) {
    keys_.push_back({name_, name, field, {}, std::move(values), std::move(later), "", help, true});
  }

 private:
  std::vector<Key>& keys_;
  std::string name_;
};

constexpr const char* kPixels = "pixel units of [-1,1]";

void add_model(std::vector<Key>& keys) {
  using M = ebm::ModelConfig;
  constexpr auto kModel = &Config::model;
  Section model(keys, "model");
  model.choice("architecture", access<kModel, &M::architecture>(), {"wide_resnet"}, {}, "network");
  model.number("depth", access<kModel, &M::depth>(), between(10, 1000), "layers",
               "depth of the Wide-ResNet, 6n + 4");
  model.number("width", access<kModel, &M::width>(), between(1, 64), "",
               "widening factor: stages have 16w, 32w, 64w channels (128w for images of 64 pixels and more)");
  model.choice("norm", access<kModel, &M::norm>(), {"batch", "none"}, {"instance", "layer", "group", "act"},
               "normalisation");
  model.number("num_classes", access<kModel, &M::num_classes>(), between(0, 100000), "",
               "outputs of the class head; 0: no class head");
  model.choice("energy", access<kModel, &M::energy>(), {"head", "logsumexp"}, {"class"},
               "what -E(x) is: the energy head, or the log-sum-exp of the class logits");
  model.number("leak", access<kModel, &M::leak>(), between(0, 1), "", "slope of LeakyReLU below 0");
}

void add_data(std::vector<Key>& keys) {
  using D = ebm::DataConfig;
  constexpr auto kData = &Config::data;
  Section data(keys, "data");
  data.choice("set", access<kData, &D::set>(), {"cifar10", "cifar100", "fashion-mnist", "mnist", "images"},
              {"svhn", "imagenet32", "celebahq128"}, "data set; images: an images file (.h5)");
  data.number("batch_size", access<kData, &D::batch_size>(), between(1, 1 << 20), "images",
              "data images per iteration, and as many chains");
  data.number("labelled_batch_size", access<kData, &D::labelled_batch_size>(), between(1, 1 << 20), "images",
              "labelled images per iteration");
  data.flag("augment", access<kData, &D::augment>(),
            "reflect-pad 4, random crop and flip of the labelled images");
  data.flag("augment_positives", access<kData, &D::augment_positives>(),
            "the same for the data images of the energy terms");
  data.number("noise", access<kData, &D::noise>(), between(0, 10), kPixels,
              "standard deviation of Gaussian noise added to data images");
  data.number("validation", access<kData, &D::validation>(), at_least(0), "images",
              "training images held out, chosen by the seed");
  data.later("test", access<kData, &D::test>());
}

void add_sampling(std::vector<Key>& keys) {
  using S = ebm::SamplerConfig;
  constexpr auto kSampler = &Config::sampler;
  constexpr auto kBuffer = &Config::buffer;
  constexpr auto kInit = &Config::init;
  Section sampler(keys, "sampler");
  sampler.number("steps", access<kSampler, &S::steps>(), between(0, 1000000), "steps",
                 "Langevin steps of each chain per iteration, the paper's K");
  sampler.number("step_size", access<kSampler, &S::step_size>(), positive(), "", "factor on the gradient");
  sampler.number("noise", access<kSampler, &S::noise>(), between(0, 10), kPixels,
                 "standard deviation of the noise of a step");
  sampler.number("gradient_clamp", access<kSampler, &S::gradient_clamp>(), at_least(0), "",
                 "elementwise bound on the gradient; 0: off");
  sampler.number("pixel_clamp", access<kSampler, &S::pixel_clamp>(), at_least(0), "",
                 "elementwise bound on the image after the noise; 0: off");
  sampler.choice("batch_norm", access<kSampler, &S::batch_norm>(), {"batch", "running"}, {},
                 "statistics batch-norm uses while sampling");
  Section buffer(keys, "buffer");
  buffer.number("size", access<kBuffer, &ebm::BufferConfig::size>(), between(1, 1 << 30), "images",
                "chains kept in the replay buffer");
  buffer.number("reinit_probability", access<kBuffer, &ebm::BufferConfig::reinit_probability>(),
                between(0, 1), "", "probability that a drawn chain restarts from the initial distribution");
  Section init(keys, "init");
  init.choice("kind", access<kInit, &ebm::InitConfig::kind>(), {"gaussian", "uniform"},
              {"low_resolution", "full_resolution", "per_class", "data"},
              "initial distribution of the chains: Gaussian of the training set, or uniform on [-1,1]");
  init.number("jitter", access<kInit, &ebm::InitConfig::jitter>(), between(0, 10), "",
              "added to the diagonal of the covariance");
}

void add_objective(std::vector<Key>& keys) {
  using O = ebm::ObjectiveConfig;
  constexpr auto kObjective = &Config::objective;
  Section objective(keys, "objective");
  objective.number("l2_coefficient", access<kObjective, &O::l2_coefficient>(), at_least(0), "",
                   "weight of the L2 term on the energies");
  objective.choice("l2_form", access<kObjective, &O::l2_form>(), {"paper", "reference", "means"}, {},
                   "paper: mean(E+^2) + mean(E-^2); reference: mean(E+^2) + (mean E-)^2; "
                   "means: (mean E+)^2 + (mean E-)^2");
  objective.number("classifier_weight", access<kObjective, &O::classifier_weight>(), at_least(0), "",
                   "weight of the cross-entropy; 0: no labelled batch is drawn");
  objective.number("energy_weight", access<kObjective, &O::energy_weight>(), at_least(0), "",
                   "weight of the energy terms; 0: nothing is sampled");
}

void add_optimizer(std::vector<Key>& keys) {
  using O = ebm::OptimizerConfig;
  constexpr auto kOptimizer = &Config::optimizer;
  Section optimizer(keys, "optimizer");
  optimizer.choice("name", access<kOptimizer, &O::name>(), {"sgd"}, {"adam"}, "optimiser");
  optimizer.number("learning_rate", access<kOptimizer, &O::learning_rate>(), at_least(0), "",
                   "learning rate after the warm-up");
  optimizer.number("momentum", access<kOptimizer, &O::momentum>(), between(0, 1), "", "momentum");
  optimizer.number("weight_decay", access<kOptimizer, &O::weight_decay>(), at_least(0), "",
                   "L2 penalty on every parameter the loss reaches");
  optimizer.number("warmup_iterations", access<kOptimizer, &O::warmup_iterations>(), at_least(0),
                   "iterations", "linear warm-up of the learning rate from 0");
  optimizer.number("milestones", access<kOptimizer, &O::milestones>(), at_least(0), "epochs",
                   "epochs, counted from 0, at whose start the learning rate is multiplied by decay");
  optimizer.number("decay", access<kOptimizer, &O::decay>(), between(0, 1), "",
                   "factor on the learning rate at each milestone");
}

void add_run(std::vector<Key>& keys) {
  using R = ebm::RunConfig;
  constexpr auto kRun = &Config::run;
  Section run(keys, "run");
  run.number("epochs", access<kRun, &R::epochs>(), between(1, 1000000), "epochs", "length of the run");
  run.number("iterations_per_epoch", access<kRun, &R::iterations_per_epoch>(), between(1, 100000000),
             "iterations", "length of an epoch");
  run.number("seed", access<kRun, &R::seed>(), {}, "", "key of every random choice of the run");
  run.choice("precision", access<kRun, &R::precision>(), {"auto", "fp32", "tf32", "bf16", "fp64"}, {},
             "arithmetic");
  run.text("device", access<kRun, &R::device>(), "", "where to compute: auto, cpu, cuda or cuda:<index>");
  run.number("threads", access<kRun, &R::threads>(), between(0, kMaxThreads), "threads",
             "0: one per physical core");
  run.choice("convolution", access<kRun, &R::convolution>(), {"auto", "direct", "winograd"}, {},
             "algorithm of fp32 convolutions on the CPU; auto: the faster for each shape");
  run.number("checkpoint_every", access<kRun, &R::checkpoint_every>(), at_least(0), "iterations",
             "iterations between checkpoints; 0: only the last");
  run.number("checkpoints_kept", access<kRun, &R::checkpoints_kept>(), between(1, 1000000), "files",
             "older checkpoints are removed");
  run.number("evaluate_every", access<kRun, &R::evaluate_every>(), at_least(0), "epochs",
             "epochs between evaluations: accuracy on the validation split, FD-ref of samples; 0: never");
  run.number("evaluate_samples", access<kRun, &R::evaluate_samples>(), between(0, 1000000), "chains",
             "fresh chains from the initial distribution, and as many of the buffer, whose FD-ref an "
             "evaluation takes; 0: none");
  run.number("log_every", access<kRun, &R::log_every>(), at_least(1), "iterations",
             "iterations between lines of metrics.jsonl");
  run.number("sample_every", access<kRun, &R::sample_every>(), at_least(0), "iterations",
             "iterations between grids of samples; 0: only the last");
  run.text("trace", access<kRun, &R::trace>(), "path", "file that records every random choice; empty: off");
}

void add_published(std::vector<Key>& keys) {
  using P = ebm::PublishedRow;
  constexpr auto kRow = &Config::published;
  Section row(keys, kPublishedSection);
  row.text("source", access<kRow, &P::source>(), "", "table and row");
  row.number("accuracy", access<kRow, &P::accuracy>(), between(0, 100), "percent",
             "test accuracy; 0: not reported");
  row.number("inception_score", access<kRow, &P::inception_score>(), at_least(0), "", "0: not reported");
  row.number("fid", access<kRow, &P::fid>(), at_least(0), "", "0: not reported");
  row.number("minutes_per_epoch", access<kRow, &P::minutes_per_epoch>(), at_least(0), "minutes",
             "390 iterations on the paper's GPU; 0: not reported");
  row.flag("diverged", access<kRow, &P::diverged>(), "the run diverged; best values before");
}

}  // namespace

const std::vector<Key>& all_keys() {
  static const std::vector<Key> keys = [] {
    std::vector<Key> table;
    add_model(table);
    add_data(table);
    add_sampling(table);
    add_objective(table);
    add_optimizer(table);
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

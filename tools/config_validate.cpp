// Constraints between keys; those of one key alone are in the table.
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/core/error.h"
#include "tools/config.h"
#include "tools/config_keys.h"

namespace mebm::tools {
namespace {

using Lines = std::vector<std::string>;

void check_model(const ebm::Config& config, Lines& lines) {
  const ebm::ModelConfig& model = config.model;
  if (model.depth >= 10 && model.depth % 6 != 4)
    lines.push_back(fmt::format("model.depth = {} is not 6n + 4; nearest: {} and {}", model.depth,
                                (model.depth - 4) / 6 * 6 + 4, (model.depth - 4) / 6 * 6 + 10));
  const bool sampled = config.objective.energy_weight > 0;
  if (model.energy == "logsumexp" && sampled && model.num_classes < 2)
    lines.push_back(fmt::format(
        "model.energy = \"logsumexp\" needs at least 2 classes; model.num_classes = {}", model.num_classes));
  if (config.objective.classifier_weight > 0 && model.num_classes < 2)
    lines.push_back(
        fmt::format("objective.classifier_weight = {} needs at least 2 classes; model.num_classes = {}",
                    config.objective.classifier_weight, model.num_classes));
}

void check_classes(const ebm::Config& config, Lines& lines) {
  static const std::map<std::string, int> kClasses = {
      {"cifar10", 10}, {"cifar100", 100}, {"mnist", 10}, {"fashion-mnist", 10}};
  const auto found = kClasses.find(config.data.set);
  if (found == kClasses.end() || config.objective.classifier_weight == 0) return;
  if (config.model.num_classes >= 2 && config.model.num_classes != found->second)
    lines.push_back(fmt::format("model.num_classes = {} but data.set = \"{}\" has {} classes",
                                config.model.num_classes, config.data.set, found->second));
}

void check_sampling(const ebm::Config& config, Lines& lines) {
  if (config.objective.energy_weight == 0) return;
  if (config.data.batch_size > config.buffer.size)
    lines.push_back(
        fmt::format("data.batch_size = {} is larger than buffer.size = {}: a batch draws distinct chains",
                    config.data.batch_size, config.buffer.size));
  if (config.init.kind == "gaussian" && config.init.jitter == 0)
    lines.push_back(
        "init.jitter = 0 with init.kind = \"gaussian\": the covariance of images is singular; use 0.0001");
}

void check_evaluation(const ebm::Config& config, Lines& lines) {
  const int every = config.run.evaluate_every, samples = config.run.evaluate_samples;
  if (samples > 0 && every == 0)
    lines.push_back(fmt::format(
        "run.evaluate_samples = {} is for evaluations; run.evaluate_every = 0 makes none", samples));
  if (samples > 0 && config.objective.energy_weight == 0)
    lines.push_back(fmt::format(
        "run.evaluate_samples = {} needs chains; objective.energy_weight = 0 makes none", samples));
  if (samples == 1) lines.push_back("run.evaluate_samples = 1 has no covariance; use 2 and more");
  if (every == 0 || samples > 0) return;
  if (config.data.validation == 0)
    lines.push_back(
        fmt::format("run.evaluate_every = {} needs a validation split or run.evaluate_samples; "
                    "data.validation = 0",
                    every));
  else if (config.objective.classifier_weight == 0)
    lines.push_back(
        fmt::format("run.evaluate_every = {} evaluates the class head, which objective.classifier_weight = 0 "
                    "does not train; run.evaluate_samples evaluates chains",
                    every));
}

void check_schedule(const ebm::Config& config, Lines& lines) {
  if (config.objective.energy_weight == 0 && config.objective.classifier_weight == 0)
    lines.push_back("objective.energy_weight and objective.classifier_weight are both 0: nothing to train");
  check_evaluation(config, lines);
  if (!config.data.test.empty())
    lines.push_back(fmt::format(
        "data.test = \"{}\" is not available in this version; give the test images to evaluate with --data",
        config.data.test));
  if (!config.run.trace.empty() && config.data.noise > 0)
    lines.push_back("run.trace does not record data.noise; set it to 0");
  const std::vector<int>& milestones = config.optimizer.milestones;
  for (std::size_t i = 1; i < milestones.size(); ++i) {
    if (milestones[i] > milestones[i - 1]) continue;
    lines.push_back(
        fmt::format("optimizer.milestones = [{}] is not increasing", fmt::join(milestones, ", ")));
    break;
  }
}

}  // namespace

std::vector<std::string> violations(const ebm::Config& config) {
  Lines lines;
  for (const Key& key : all_keys()) {
    std::string problem = check_value(key, config);
    if (!problem.empty()) lines.push_back(std::move(problem));
  }
  check_model(config, lines);
  check_classes(config, lines);
  check_sampling(config, lines);
  check_schedule(config, lines);
  return lines;
}

void validate(const ebm::Config& config) {
  const Lines lines = violations(config);
  if (!lines.empty()) throw engine::InputError(fmt::format("{}", fmt::join(lines, "; ")));
}

}  // namespace mebm::tools

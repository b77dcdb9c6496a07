// mebm_engine evaluate: what a stored model is worth. Options and the order of the parts; the parts are in
// evaluate_*.cpp.

#include "tools/evaluate.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include "engine/core/error.h"
#include "tools/commands.h"
#include "tools/evaluate_distances.h"
#include "tools/word_list.h"

namespace mebm::tools {

using engine::fail_input;

namespace {

const std::vector<std::string> kMetrics = {"accuracy",         "loss", "ece", "fd-ref", "fid", "is", "kid",
                                           "precision-recall", "ood"};
constexpr const char* kDistanceMetrics = "fd-ref, fid, is, kid or precision-recall";

// Options of a part that is not asked for are mistakes, not wishes to be passed over.
void check_used(const EvaluateOptions& o) {
  const std::pair<const char*, bool> distance_options[] = {
      {"--samples", o.samples.has_value()},
      {"--samples-file", o.samples_file.has_value()},
      {"--features", o.features.has_value()},
      {"--inception", o.inception.has_value()},
      {"--cache", o.cache.has_value()},
      {"--reference-statistics", o.reference_statistics.has_value()},
      {"--init", o.init.has_value()},
      {"--initial-distribution", o.initial_distribution.has_value()},
      {"--rounding", o.rounding.has_value()},
      {"--steps", o.steps.has_value()},
      {"--step-size", o.step_size.has_value()},
      {"--noise", o.noise.has_value()}};
  for (const auto& [name, given] : distance_options)
    if (given && !o.wants_distances()) fail_input("{}: is for --metrics {}", name, kDistanceMetrics);
  if (!o.ood.empty() && !o.wants("ood")) fail_input("--ood: is for --metrics ood");
  if (o.batch_norm && !o.wants_classification())
    fail_input("--batch-norm: is for --metrics accuracy, loss or ece; ood takes running statistics");
  if (o.reference_statistics && !o.wants("fd-ref") && !o.wants("fid"))
    fail_input("--reference-statistics: is for --metrics fd-ref or fid; the others need the images");
  if (o.reference_statistics && o.wants("fd-ref") && o.wants("fid"))
    fail_input("--reference-statistics: is of one network; ask for fd-ref or for fid");
}

int run_evaluate(EvaluateOptions& o) {
  o.asked = parse_words("--metrics", o.metrics, kMetrics, "; planned: robustness");
  require_range("--batch-size", static_cast<double>(o.batch_size), 1, kMaxBatch);
  check_used(o);
  Runtime runtime(o.runtime);
  StoredModel model(o.checkpoint, runtime);
  o.data.option = "--data";
  o.data.split = data::parse_split(o.split);
  const InputImages images(o.data, model.network_config());
  Evaluation evaluation;
  EvaluateJob job{o, runtime, model, images, evaluation};
  std::optional<Classifier> classifier;
  std::optional<Separator> separator;
  std::optional<DistanceEvaluator> distances;
  if (o.wants_classification()) classifier.emplace(job);
  if (o.wants("ood")) separator.emplace(job);
  if (o.wants_distances()) distances.emplace(job);
  if (o.wants_classification() || o.wants("ood")) evaluation.note = model.head_note();
  evaluation.set = images.set().name;
  evaluation.count = images.count();
  evaluation.begin();
  if (classifier) classifier->evaluate();
  if (distances) distances->evaluate();
  if (separator) separator->evaluate();
  print_evaluation(o, evaluation);
  return 0;
}

void add_classification_options(Options& options, EvaluateOptions& o) {
  options.choice("--batch-norm", o.batch_norm, {"batch", "running", "recalibrated"},
                 "statistics: of each batch by itself, in file order; the stored ones; or made anew from "
                 "training images",
                 "all, one row each; recalibrated for data sets with a training split");
  options.with_default("--batch-size", "B", o.batch_size,
                       "images at a time, normalised together with batch statistics");
  options.with_default("--recalibration-images", "N", o.recalibration_images,
                       "training images that the recalibrated statistics are made from");
  options.with_default("--bins", "N", o.bins, "bins of confidence of the calibration error (ece)");
}

void add_sample_options(Options& options, EvaluateOptions& o) {
  const std::string stored = "the checkpoint's configuration, else ";
  options.optional("--samples", "LIST", o.samples,
                   "samples to judge: fresh (new chains), buffer (all of it), reference (published protocol: "
                   "the buffer's surest 90 % of every predicted class, truncated to bytes)",
                   "all that the checkpoint has");
  options.optional("--samples-file", "FILE", o.samples_file, "images file to judge, beside or instead",
                   "none");
  options.with_default("--count", "N", o.count, "fresh chains to run");
  options.optional("--steps", "K", o.steps, "Langevin steps of a fresh chain", stored + "5");
  options.optional("--step-size", "A", o.step_size, "factor of the gradient, in pixel units", stored + "1");
  options.optional("--noise", "SIGMA", o.noise, "standard deviation of a step's noise, in pixel units",
                   stored + "0.001; 0 for 2 steps and fewer");
  options.choice("--init", o.init, {"p0", "buffer", "uniform"}, "where fresh chains start", "p0");
  options.optional("--initial-distribution", "FILE", o.initial_distribution, "file of fit-init to start from",
                   "the checkpoint's");
  options.choice("--rounding", o.rounding, {"nearest", "truncate"}, "how samples become bytes",
                 "nearest; truncate for reference");
}

void add_distance_options(Options& options, EvaluateOptions& o) {
  options.optional("--features", "NAME|FILE", o.features,
                   "network of fd-ref: cifar10, fashion-mnist (carried by the program) or a checkpoint with "
                   "a class head",
                   "the data set's");
  options.choice("--protocol", o.protocol, {"torch-fidelity", "pytorch-fid", "clean"},
                 "how images are resized and scaled for Inception");
  options.optional("--inception", "FILE", o.inception, "Inception weights (.h5) for fid and is",
                   "the file that the environment's MEBM_INCEPTION names");
  options.choice("--reference-split", o.reference_split, {"train", "test"},
                 "images that samples are compared with; an images file has one split only");
  options.optional("--cache", "DIR", o.cache,
                   "folder that keeps statistics of reference sets (.npz), each with its protocol",
                   "none: made anew each time; fd-ref of carried networks needs none");
  options.optional("--reference-statistics", "FILE", o.reference_statistics,
                   "statistics of the reference set (.npz with mu and sigma)", "made from --data");
}

}  // namespace

bool EvaluateOptions::wants(const std::string& metric) const {
  return std::find(asked.begin(), asked.end(), metric) != asked.end();
}

bool EvaluateOptions::wants_distances() const {
  return wants("fd-ref") || wants("fid") || wants("is") || wants("kid") || wants("precision-recall");
}

void Evaluation::warn(const std::string& message) {
  warnings.push_back(message);
  if (begun) std::fprintf(stderr, "warning: %s\n", message.c_str());
}

void Evaluation::begin() {
  if (!note.empty()) std::fprintf(stderr, "note: %s\n", note.c_str());
  for (const std::string& message : warnings) std::fprintf(stderr, "warning: %s\n", message.c_str());
  begun = true;
}

CommandRunner add_evaluate(CLI::App& command) {
  auto o = std::make_shared<EvaluateOptions>();
  Options options(command);
  options.required("--checkpoint", "FILE", o->checkpoint, "checkpoint of the model");
  options.required("--data", "DIR|FILE", o->data.path,
                   "folder or archive of a data set, or images file (.h5)");
  options.with_default(
      "--metrics", "LIST", o->metrics,
      "comma-separated: accuracy (0 ... 1 in JSON, percent in the table), loss (mean cross-entropy, nats), "
      "ece (calibration error), fd-ref (Frechet distance in a reference network's features), fid, is "
      "(inception score), kid, precision-recall, ood (separation from other sets)");
  add_set_option(options, o->data.set);
  add_split_option(options, o->split);
  add_classification_options(options, *o);
  add_sample_options(options, *o);
  add_distance_options(options, *o);
  options.repeated("--ood", "DIR|FILE", o->ood,
                   "set to tell the judged one from (its test split); may be repeated; interpolated images "
                   "are always taken");
  options.flag("--json", o->json, "print one JSON object instead of tables");
  add_runtime_options(options, o->runtime);
  return [o] { return run_evaluate(*o); };
}

}  // namespace mebm::tools

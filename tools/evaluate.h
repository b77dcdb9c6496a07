#pragma once
// Internal to `mebm_engine evaluate`: its options, what its parts find, and how that is printed.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "metrics/calibration.h"
#include "metrics/classification.h"
#include "metrics/distribution_distance.h"
#include "metrics/ood.h"
#include "tools/model_inputs.h"

namespace mebm::tools {

struct EvaluateOptions {
  std::string checkpoint, metrics = "accuracy,loss", split = "test", reference_split = "train";
  std::string protocol = "torch-fidelity";
  ImageSource data;
  std::int64_t batch_size = 64, bins = 15, recalibration_images = 10000, count = 5000;
  bool json = false;
  std::optional<std::string> batch_norm, samples, samples_file, features, inception, cache,
      reference_statistics, init, initial_distribution, rounding;
  std::optional<int> steps;
  std::optional<double> step_size, noise;
  std::vector<std::string> ood;
  RuntimeOptions runtime;

  std::vector<std::string> asked;  // the words of `metrics`, each once
  bool wants(const std::string& metric) const;
  bool wants_classification() const { return wants("accuracy") || wants("loss") || wants("ece"); }
  bool wants_distances() const;
};

// Accuracy, loss and calibration with one kind of batch-norm statistics.
struct ClassificationRow {
  std::string statistics;  // running | batch | recalibrated
  metrics::Classification result;
  std::optional<metrics::Calibration> calibration;
};

// One source of samples seen through one network.
struct DistanceRow {
  std::string source;                        // fresh | buffer | reference | file
  std::string made, filter, rounding;        // how samples were made, chosen and turned into bytes
  std::string extractor, digest, reference;  // network, SHA-256 of its weights, the Fréchet distance's set
  std::string neighbours_reference;          // the set of KID, precision and recall
  bool inception = false;                    // seen by Inception, else by a classifier
  bool published = true;                     // its weights are the published ones
  std::int64_t count = 0;
  std::optional<int> steps;  // Langevin steps of every chain, where that is known
  std::optional<double> frechet;
  std::optional<metrics::MeanDeviation> inception_score, kernel;
  std::optional<metrics::PrecisionRecall> manifold;
  std::vector<std::int64_t> predicted;  // images by the class the network predicts; of classifiers

  // In JSON and in tables. Only Inception's published weights give an FID.
  const char* frechet_name() const { return !inception ? "fd_ref" : published ? "fid" : "frechet_inception"; }
  const char* frechet_title() const {
    return !inception ? "FD-ref" : published ? "FID" : "FD, other weights";
  }
};

struct SeparationRow {
  std::string score, out;  // log_density | max_probability | gradient_norm; path or "interpolated"
  std::int64_t out_count = 0;
  metrics::Separation separation;
};

struct Evaluation {
  std::string note;        // what a user of the class head must know, or ""
  std::string set;         // name of the judged set
  std::int64_t count = 0;  // its images
  std::vector<ClassificationRow> rows;
  std::string recalibration;  // how the statistics of the row `recalibrated` were made
  std::vector<DistanceRow> distances;
  std::vector<SeparationRow> separations;
  std::vector<std::string> warnings;

  // Keeps for the output, and prints on stderr once work has begun: what is refused is refused in one line.
  void warn(const std::string& message);
  // Everything is checked: prints the note and the warnings so far.
  void begin();
  bool begun = false;
};

void print_evaluation(const EvaluateOptions& options, const Evaluation& evaluation);

// What every part computes with.
struct EvaluateJob {
  const EvaluateOptions& options;
  Runtime& runtime;
  StoredModel& model;
  const InputImages& images;  // --data, --split
  Evaluation& evaluation;
};

// accuracy, loss, ece.
class Classifier {
 public:
  // InputError where model and images cannot give them; reads the training images that recalibration needs,
  // and warns where it is left out for want of them.
  explicit Classifier(EvaluateJob& job);
  void evaluate();

 private:
  ClassificationRow recalibrated();

  EvaluateJob& job_;
  std::optional<InputImages> training_;
};

// ood.
class Separator {
 public:
  // Reads and checks the sets of --ood.
  explicit Separator(EvaluateJob& job);
  void evaluate();

 private:
  EvaluateJob& job_;
  std::vector<InputImages> out_;
};

}  // namespace mebm::tools

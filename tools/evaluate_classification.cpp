// evaluate: accuracy, loss and calibration of the class head.

#include <algorithm>
#include <cmath>

#include "data/streams.h"
#include "engine/core/error.h"
#include "metrics/recalibration.h"
#include "tools/count_progress.h"
#include "tools/evaluate.h"

namespace mebm::tools {

using engine::fail_input;

namespace {

// In pieces of whole batches, so that progress can be told.
ClassificationRow classify(EvaluateJob& job, const std::string& statistics) {
  const InputImages& images = job.images;
  std::vector<float> logits;
  metrics::ClassificationOptions options{job.runtime.dtype, statistics == "batch", job.options.batch_size};
  if (job.options.wants("ece")) options.logits = &logits;
  constexpr std::int64_t kPieceImages = 512;
  const std::int64_t piece =
      std::max<std::int64_t>(1, kPieceImages / options.batch_size) * options.batch_size;
  const std::vector<std::int64_t> indices = data::ascending(images.count());
  CountProgress progress("images", images.count());
  ClassificationRow row{statistics, {}, {}};
  metrics::Classification& total = row.result;
  double correct = 0, loss = 0;
  for (std::int64_t first = 0; first < images.count(); first += piece) {
    const auto part = std::span(indices).subspan(
        static_cast<std::size_t>(first), static_cast<std::size_t>(std::min(piece, images.count() - first)));
    const metrics::Classification result =
        metrics::classify(job.runtime.tape, *job.model.network, images.set(), part, options);
    correct += std::round(result.accuracy * static_cast<double>(result.count));
    loss += result.loss * static_cast<double>(result.count);
    total.count += result.count;
    progress.update(total.count);
  }
  total.accuracy = correct / static_cast<double>(total.count);
  total.loss = loss / static_cast<double>(total.count);
  if (job.options.wants("ece"))
    row.calibration =
        metrics::calibration(logits, images.set().labels, job.model.network_config().num_classes,
                             static_cast<int>(job.options.bins));
  return row;
}

bool can_recalibrate(const EvaluateJob& job) {
  return job.images.set().name != "images" && job.model.network_config().norm != "none";
}

void check_classification(const EvaluateJob& job) {
  const std::string file = job.model.reader.path().string();
  const int classes = job.model.network_config().num_classes;
  if (classes == 0) fail_input("{}: the model has no class head; accuracy and loss need one", file);
  const data::ImageSet& set = job.images.set();
  if (set.name != "images" && set.num_classes != classes)
    fail_input("{}: {} has {} classes, the model has {}", job.options.data.path, set.name, set.num_classes,
               classes);
  job.images.require_labels(classes, "evaluation");
  require_range("--bins", static_cast<double>(job.options.bins), 1, 1000);
  require_range("--recalibration-images", static_cast<double>(job.options.recalibration_images), 1, 1e9);
  if (job.options.batch_norm == "recalibrated" && !can_recalibrate(job))
    fail_input("--batch-norm recalibrated: {}",
               set.name == "images" ? "needs a data set with a training split, --data is an images file"
                                    : "the model has no normalisation");
}

}  // namespace

Classifier::Classifier(EvaluateJob& job) : job_(job) {
  check_classification(job);
  const std::optional<std::string>& only = job.options.batch_norm;
  if (only ? *only != "recalibrated" : !can_recalibrate(job)) return;
  ImageSource source = job.options.data;
  source.split = data::Split::train;
  try {
    training_.emplace(source, job.model.network_config());
  } catch (const engine::InputError& error) {
    if (only) throw;
    job.evaluation.warn(
        fmt::format("no recalibrated statistics without the training images: {}", error.what()));
  }
}

// By the first images of a keyed permutation of the training split.
ClassificationRow Classifier::recalibrated() {
  EvaluateJob& job = job_;
  const InputImages& training = *training_;
  const std::int64_t batch = std::min(job.options.batch_size, training.count());
  std::vector<std::int64_t> indices =
      data::keyed_permutation(training.count(), job.runtime.key, engine::RandomPurpose::shuffle_positives, 0);
  const std::int64_t wanted = std::min(job.options.recalibration_images, training.count());
  indices.resize(static_cast<std::size_t>(std::max(batch, wanted / batch * batch)));
  const metrics::KeepStatistics keep(*job.model.network);
  CountProgress progress("training images for recalibration", static_cast<std::int64_t>(indices.size()));
  metrics::recalibrate(job.runtime.tape, *job.model.network, training.set(), indices, batch,
                       [&](std::int64_t done) { progress.update(done); });
  job.evaluation.recalibration =
      fmt::format("means and variances of {} unaugmented training images in batches of {}, averaged",
                  indices.size(), batch);
  return classify(job, "recalibrated");
}

void Classifier::evaluate() {
  const std::optional<std::string>& only = job_.options.batch_norm;
  for (const std::string statistics : {"running", "batch"})
    if (!only || *only == statistics) job_.evaluation.rows.push_back(classify(job_, statistics));
  if (training_) job_.evaluation.rows.push_back(recalibrated());
}

}  // namespace mebm::tools

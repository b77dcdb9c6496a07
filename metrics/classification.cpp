#include "metrics/classification.h"

#include <algorithm>
#include <vector>

#include "engine/core/error.h"
#include "engine/ops/dense.h"
#include "engine/ops/elementwise.h"

namespace mebm::metrics {

using engine::Tensor;

namespace {

std::int64_t count_correct(const Tensor& logits, std::span<const std::int32_t> labels,
                           std::vector<float>* keep) {
  const auto classes = static_cast<std::ptrdiff_t>(logits.extent(1));
  const std::vector<double> values = engine::ops::host_values(logits);
  if (keep != nullptr)
    for (const double value : values) keep->push_back(static_cast<float>(value));
  std::int64_t correct = 0;
  for (std::size_t r = 0; r < labels.size(); ++r) {
    const auto row = values.begin() + static_cast<std::ptrdiff_t>(r) * classes;
    correct += std::max_element(row, row + classes) - row == labels[r];
  }
  return correct;
}

}  // namespace

Classification classify(autograd::Tape& tape, models::EnergyModel& model, const data::ImageSet& images,
                        std::span<const std::int64_t> indices, const ClassificationOptions& options) {
  engine::require(!indices.empty() && options.batch_size >= 1,
                  "{} images in batches of {} cannot be classified", indices.size(), options.batch_size);
  engine::require(!images.labels.empty(), "{} {} has no labels", images.name, images.split);
  const autograd::NoRecording no_recording(tape);
  engine::Context& context = tape.context();
  Classification result;
  result.count = static_cast<std::int64_t>(indices.size());
  double loss = 0;
  std::int64_t correct = 0;
  for (std::size_t first = 0; first < indices.size(); first += static_cast<std::size_t>(options.batch_size)) {
    const auto batch = indices.subspan(
        first, std::min(static_cast<std::size_t>(options.batch_size), indices.size() - first));
    std::vector<std::int32_t> labels;
    for (const std::int64_t index : batch)
      labels.push_back(images.labels.at(static_cast<std::size_t>(index)));
    const auto pass = models::Pass::single(static_cast<std::int64_t>(batch.size()), options.batch_statistics);
    const autograd::Variable x{data::load_images(context, images, batch, options.dtype)};
    const Tensor logits = model.logits(tape, model.features(tape, x, pass)).value;
    const Tensor label_tensor = engine::ops::make_labels(context, labels, logits.extent(1));
    loss += engine::ops::scalar(engine::ops::cross_entropy(context, logits, label_tensor)) *
            static_cast<double>(batch.size());
    correct += count_correct(logits, labels, options.logits);
  }
  result.loss = loss / static_cast<double>(result.count);
  result.accuracy = static_cast<double>(correct) / static_cast<double>(result.count);
  return result;
}

}  // namespace mebm::metrics

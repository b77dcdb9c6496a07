#include "metrics/calibration.h"

#include <algorithm>
#include <cmath>

#include "engine/core/error.h"

namespace mebm::metrics {
namespace {

// The b with b/B < confidence <= (b+1)/B.
std::size_t bin_of(double confidence, int bins) {
  const auto count = static_cast<double>(bins);
  int bin = std::clamp(static_cast<int>(std::ceil(confidence * count)) - 1, 0, bins - 1);
  if (bin > 0 && confidence <= bin / count) --bin;
  if (bin < bins - 1 && confidence > (bin + 1) / count) ++bin;
  return static_cast<std::size_t>(bin);
}

void check_row(std::span<const float> row, std::int32_t label, std::size_t image) {
  for (std::size_t c = 0; c < row.size(); ++c)
    if (!std::isfinite(row[c])) engine::fail_input("image {}: logit {} is {}", image, c, row[c]);
  if (label < 0 || static_cast<std::size_t>(label) >= row.size())
    engine::fail_input("image {}: label {} is none of the {} classes 0 ... {}", image, label, row.size(),
                       row.size() - 1);
}

}  // namespace

template <typename T>
Prediction predict(std::span<const T> logits) {
  const auto largest = std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const T logit : logits) sum += std::exp(static_cast<double>(logit) - static_cast<double>(*largest));
  return {static_cast<std::size_t>(largest - logits.begin()), 1 / sum};
}
template Prediction predict(std::span<const float>);
template Prediction predict(std::span<const double>);

Calibration calibration(std::span<const float> logits, std::span<const std::int32_t> labels, int classes,
                        int bins) {
  engine::require(classes >= 1 && bins >= 1, "calibration over {} classes in {} bins", classes, bins);
  const auto width = static_cast<std::size_t>(classes);
  if (labels.empty() || logits.size() != labels.size() * width)
    engine::fail_input("{} logits of {} classes for {} labels: {} are expected, and at least one image",
                       logits.size(), classes, labels.size(), labels.size() * width);
  Calibration result;
  result.bins.resize(static_cast<std::size_t>(bins));
  for (std::size_t image = 0; image < labels.size(); ++image) {
    const auto row = logits.subspan(image * width, width);
    check_row(row, labels[image], image);
    const Prediction predicted = predict(row);
    ReliabilityBin& bin = result.bins[bin_of(predicted.probability, bins)];
    ++bin.count;
    bin.confidence += predicted.probability;
    bin.accuracy += predicted.label == static_cast<std::size_t>(labels[image]) ? 1 : 0;
  }
  for (ReliabilityBin& bin : result.bins) {
    if (bin.count == 0) continue;
    const auto count = static_cast<double>(bin.count);
    bin.confidence /= count;
    bin.accuracy /= count;
    const double gap = std::abs(bin.confidence - bin.accuracy);
    result.error += gap * count / static_cast<double>(labels.size());
    result.largest_error = std::max(result.largest_error, gap);
  }
  return result;
}

}  // namespace mebm::metrics

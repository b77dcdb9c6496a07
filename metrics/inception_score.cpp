#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "engine/core/error.h"
#include "metrics/distribution_distance.h"
#include "metrics/feature_checks.h"
#include "metrics/mean_deviation.h"
#include "metrics/numpy_random.h"

namespace mebm::metrics {
namespace {

// What the rows of one split add up to.
class Split {
 public:
  explicit Split(std::size_t classes) : exponentials_(classes), marginal_(classes) {}

  void add(std::span<const float> logits) {
    const double largest = *std::max_element(logits.begin(), logits.end());
    double sum = 0;
    for (std::size_t c = 0; c < logits.size(); ++c) {
      exponentials_[c] = std::exp(static_cast<double>(logits[c]) - largest);
      sum += exponentials_[c];
    }
    const double log_sum = std::log(sum);
    for (std::size_t c = 0; c < logits.size(); ++c) {
      const double p = exponentials_[c] / sum;
      marginal_[c] += p;
      plogp_ += p * (static_cast<double>(logits[c]) - largest - log_sum);
    }
    ++rows_;
  }

  // exp of the mean divergence: mean of sum p log p, less sum q log q with q the mean p.
  double score() const {
    const auto rows = static_cast<double>(rows_);
    double divergence = plogp_ / rows;
    for (const double sum : marginal_)
      if (sum > 0) divergence -= sum / rows * std::log(sum / rows);
    return std::exp(divergence);
  }

 private:
  std::vector<double> exponentials_, marginal_;
  double plogp_ = 0;
  std::int64_t rows_ = 0;
};

}  // namespace

MeanDeviation inception_score(const Features& generated, const InceptionScoreOptions& options) {
  engine::require(options.splits >= 1, "{} splits", options.splits);
  check_logits(generated);
  if (generated.count < options.splits)
    engine::fail_input("{} images cannot be split into {} parts", generated.count, options.splits);
  const std::vector<std::int64_t> order = NumpyRandom(options.seed).permutation(generated.count);
  const auto classes = static_cast<std::size_t>(generated.classes);
  const std::span<const float> logits(generated.logits);
  std::vector<double> scores(static_cast<std::size_t>(options.splits));
#pragma omp parallel for schedule(static)
  for (int i = 0; i < options.splits; ++i) {
    Split split(classes);
    const std::int64_t first = i * generated.count / options.splits;
    const std::int64_t end = (i + std::int64_t{1}) * generated.count / options.splits;
    for (std::int64_t n = first; n < end; ++n)
      split.add(
          logits.subspan(static_cast<std::size_t>(order[static_cast<std::size_t>(n)]) * classes, classes));
    scores[static_cast<std::size_t>(i)] = split.score();
  }
  return mean_deviation(scores);
}

}  // namespace mebm::metrics

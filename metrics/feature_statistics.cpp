#include "metrics/feature_statistics.h"

#include <algorithm>
#include <cmath>

#include "engine/core/error.h"
#include "metrics/products.h"

namespace mebm::metrics {

StatisticsAccumulator::StatisticsAccumulator(int dimensions) : dimensions_(dimensions) {
  engine::require(dimensions >= 1, "statistics of {} features", dimensions);
  const auto d = static_cast<std::size_t>(dimensions);
  sum_.resize(d);
  products_.resize(d * d);
}

void StatisticsAccumulator::add(const Features& features) {
  const std::int64_t d = dimensions_;
  const std::vector<float>& values = features.features;
  engine::require(features.dimensions == dimensions_ && features.count >= 0 &&
                      static_cast<std::int64_t>(values.size()) == features.count * d,
                  "{} values are {} images of {} features; {} features each were expected", values.size(),
                  features.count, features.dimensions, dimensions_);
  if (features.count == 0) return;
  const auto bad = std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
  if (bad != values.end())
    engine::fail("image {}: feature {} is {}; the network or its weights' file is damaged",
                 count_ + (bad - values.begin()) / d, (bad - values.begin()) % d, *bad);
  if (count_ == 0) {
    shift_.assign(static_cast<std::size_t>(d), 0.0);
    for (std::size_t i = 0; i < values.size(); ++i)
      shift_[i % static_cast<std::size_t>(d)] += static_cast<double>(values[i]);
    for (double& value : shift_) value /= static_cast<double>(features.count);
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t feature = i % static_cast<std::size_t>(d);
    sum_[feature] += static_cast<double>(values[i]) - shift_[feature];
  }
  add_gram({values, d, {}, shift_}, products_);
  count_ += features.count;
}

FeatureStatistics StatisticsAccumulator::finish() const {
  if (count_ < 2) engine::fail_input("{} images: a covariance needs two at least", count_);
  FeatureStatistics statistics;
  statistics.count = count_;
  statistics.mean.resize(sum_.size());
  statistics.covariance = products_;
  const auto n = static_cast<double>(count_);
  for (std::size_t i = 0; i < sum_.size(); ++i) {
    statistics.mean[i] = shift_[i] + sum_[i] / n;
    for (std::size_t j = i; j < sum_.size(); ++j) {
      double& value = statistics.covariance[i * sum_.size() + j];
      value = (value - sum_[i] * sum_[j] / n) / (n - 1);
    }
  }
  mirror_upper(dimensions_, statistics.covariance);
  return statistics;
}

}  // namespace mebm::metrics

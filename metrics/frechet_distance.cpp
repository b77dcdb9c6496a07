#include <algorithm>
#include <cmath>

#include "engine/core/error.h"
#include "metrics/covariance_root.h"
#include "metrics/distribution_distance.h"

namespace mebm::metrics {
namespace {

void check_finite(const FeatureStatistics& statistics, const char* which) {
  const auto finite = [](double value) { return std::isfinite(value); };
  if (!std::all_of(statistics.mean.begin(), statistics.mean.end(), finite) ||
      !std::all_of(statistics.covariance.begin(), statistics.covariance.end(), finite))
    engine::fail_input("the {} statistics hold values that are not finite", which);
}

}  // namespace

double frechet_distance(const FeatureStatistics& a, const FeatureStatistics& b) {
  const std::size_t d = a.mean.size();
  if (d == 0 || b.mean.size() != d)
    engine::fail_input("statistics of {} and of {} features cannot be compared: both are of one network's",
                       a.mean.size(), b.mean.size());
  engine::require(a.covariance.size() == d * d && b.covariance.size() == d * d,
                  "covariances of {} and {} values for {} features", a.covariance.size(), b.covariance.size(),
                  d);
  check_finite(a, "first");
  check_finite(b, "second");
  double means = 0, variances = 0;
  for (std::size_t i = 0; i < d; ++i) {
    const double difference = a.mean[i] - b.mean[i];
    means += difference * difference;
    variances += a.covariance[i * (d + 1)] + b.covariance[i * (d + 1)];
  }
  const double root = trace_of_product_root(a.covariance, b.covariance, static_cast<std::int64_t>(d));
  return std::max(0.0, means + (variances - 2 * root));
}

}  // namespace mebm::metrics

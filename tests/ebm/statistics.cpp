#include "tests/ebm/statistics.h"

#include <cmath>
#include <cstddef>

namespace mebm::ebm {

Estimate estimate_mean(const ChainSeries& series) {
  const std::size_t times = series.size(), chains = series[0].size();
  const double count = static_cast<double>(times * chains);
  Estimate out;
  for (const auto& row : series)
    for (double value : row) out.mean += value / count;
  const auto covariance = [&](std::size_t lag) {
    double sum = 0;
    for (std::size_t t = 0; t + lag < times; ++t)
      for (std::size_t c = 0; c < chains; ++c)
        sum += (series[t][c] - out.mean) * (series[t + lag][c] - out.mean);
    return sum / static_cast<double>((times - lag) * chains);
  };
  const double variance = covariance(0);
  double time = 1;
  for (std::size_t lag = 1; lag < times / 4; ++lag) {
    const double correlation = covariance(lag) / variance;
    if (correlation < 0.005) break;
    time += 2 * correlation;
  }
  out.effective_samples = count / time;
  out.standard_error = std::sqrt(variance / out.effective_samples);
  return out;
}

double deviation(const Estimate& estimate, double expected) {
  return std::abs(estimate.mean - expected) / estimate.standard_error;
}

double chi_square_score(const std::vector<double>& counts) {
  double total = 0, statistic = 0;
  for (double count : counts) total += count;
  const double expected = total / static_cast<double>(counts.size());
  for (double count : counts) statistic += (count - expected) * (count - expected) / expected;
  const double freedom = static_cast<double>(counts.size()) - 1;
  return (statistic - freedom) / std::sqrt(2 * freedom);
}

}  // namespace mebm::ebm

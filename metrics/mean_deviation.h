#pragma once

#include <cmath>
#include <span>

#include "metrics/distribution_distance.h"

namespace mebm::metrics {

// Mean and population standard deviation; at least one value.
inline MeanDeviation mean_deviation(std::span<const double> values) {
  const auto count = static_cast<double>(values.size());
  MeanDeviation result;
  for (const double value : values) result.mean += value / count;
  double squares = 0;
  for (const double value : values) squares += (value - result.mean) * (value - result.mean);
  result.deviation = std::sqrt(squares / count);
  return result;
}

}  // namespace mebm::metrics

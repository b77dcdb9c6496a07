#pragma once
// Statistics of samples from several chains, for tests of distributions.

#include <functional>
#include <vector>

namespace mebm::ebm {

// series[t][chain]
using ChainSeries = std::vector<std::vector<double>>;

struct Estimate {
  double mean = 0;
  double standard_error = 0;  // by effective sample size
  double effective_samples = 0;
};

// Mean over all chains and times, its standard error from the integrated autocorrelation time (summed until
// the autocorrelation falls below 0.005).
Estimate estimate_mean(const ChainSeries& series);

// |estimate - expected| in standard errors.
double deviation(const Estimate& estimate, double expected);

// Pearson's statistic of counts against equal probabilities, as (X - f) / sqrt(2 f): about standard normal
// for many degrees of freedom f.
double chi_square_score(const std::vector<double>& counts);

}  // namespace mebm::ebm

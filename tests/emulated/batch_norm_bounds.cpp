#include "tests/emulated/batch_norm_bounds.h"

#include <cmath>
#include <limits>

namespace mebm::test {

using reference::BatchNorm;
using reference::Values;

namespace {

// Calls visit(element, entry, channel, pivot: the element of the group's first row and pixel).
template <typename Visit>
void for_each(const BatchNorm& b, const Visit& visit) {
  std::size_t i = 0, group_begin = 0;
  for (std::size_t g = 0; g < b.counts.size(); ++g) {
    for (int n = 0; n < b.counts[g]; ++n)
      for (int c = 0; c < b.channels; ++c)
        for (int p = 0; p < b.pixels; ++p)
          visit(i++, g * static_cast<std::size_t>(b.channels) + static_cast<std::size_t>(c),
                static_cast<std::size_t>(c), group_begin + static_cast<std::size_t>(c * b.pixels));
    group_begin += static_cast<std::size_t>(b.counts[g] * b.channels * b.pixels);
  }
}

double inverse_deviation(const BatchNorm& b, const reference::BatchNormState& state, std::size_t at) {
  return 1 / std::sqrt(state.variance[at] + b.eps);
}

}  // namespace

double population(const BatchNorm& oracle, std::size_t entry) {
  return static_cast<double>(oracle.counts[entry / static_cast<std::size_t>(oracle.channels)]) *
         oracle.pixels;
}

double BatchNormBounds::sum_error(double m) const {
  return 6 * std::sqrt(m + 8) * u_.arithmetic;
}

BatchNormBounds::BatchNormBounds(const BatchNorm& oracle, const Roundoff& roundoff, const Values& x,
                                 const Values& gamma, const Values& beta,
                                 const reference::BatchNormState& state)
    : z(x.size()), u_(roundoff) {
  u.resize(x.size());
  const std::size_t entries = state.mean.size();
  Values first(entries), second(entries);  // means of |d|, d^2
  for_each(oracle, [&](std::size_t i, std::size_t at, std::size_t, std::size_t pivot) {
    const double d = x[i] - x[pivot];
    first[at] += std::abs(d) / population(oracle, at);
    second[at] += d * d / population(oracle, at);
  });
  for (std::size_t at = 0; at < entries; ++at) {
    const double error = sum_error(population(oracle, at));
    mean.push_back(error * first[at] + std::numeric_limits<double>::epsilon() * std::abs(state.mean[at]));
    variance.push_back(error * (second[at] + 2 * first[at] * first[at]));
    scale_part.push_back(variance[at] / (2 * (state.variance[at] + oracle.eps)) + 2 * u_.arithmetic);
  }
  for_each(oracle, [&](std::size_t i, std::size_t at, std::size_t c, std::size_t) {
    const double scale = std::abs(gamma[c]) * inverse_deviation(oracle, state, at);
    const double shift = std::abs(beta[c]) + scale * std::abs(state.mean[at]);
    u[i] = scale * (std::abs(x[i] - state.mean[at]) * scale_part[at] + mean[at]) +
           3 * u_.arithmetic * (scale * std::abs(x[i]) + shift);
    z[i] = u[i] + 1.01 * u_.stored * std::abs(state.z[i]);
  });
}

void BatchNormBounds::add_backward(const BatchNorm& oracle, const Values& x, const Values& gamma,
                                   const Values& dz, const reference::BatchNormState& state,
                                   const reference::BatchNormGradient& gradient) {
  const std::size_t entries = state.mean.size();
  Values sizes(entries), products(entries), mean_error(entries);  // sums of |du|, |du (x - mean)|
  for_each(oracle, [&](std::size_t i, std::size_t at, std::size_t, std::size_t) {
    const double size = std::abs(state.u[i] > 0 ? dz[i] : oracle.leak * dz[i]);
    sizes[at] += size;
    products[at] += size * std::abs(x[i] - state.mean[at]);
  });
  for (std::size_t at = 0; at < entries; ++at) {
    const double inverse = inverse_deviation(oracle, state, at), error = sum_error(population(oracle, at));
    mean_error[at] = mean[at] + u_.arithmetic * std::abs(state.mean[at]);
    du.push_back(error * sizes[at]);
    du_xhat.push_back(
        inverse * (mean_error[at] * sizes[at] + (error + scale_part[at] + 2 * u_.arithmetic) * products[at]));
  }
  dx.resize(x.size());
  for_each(oracle, [&](std::size_t i, std::size_t at, std::size_t c, std::size_t) {
    const double m = population(oracle, at), inverse = inverse_deviation(oracle, state, at);
    const double xhat = std::abs(x[i] - state.mean[at]) * inverse;
    const double sum = std::abs(gradient.dbeta[at]) / m, slope = std::abs(gradient.dgamma[at]) / m;
    const double terms = std::abs(dz[i]) + sum + xhat * slope;
    const double cancelled = inverse * slope * (std::abs(x[i]) + std::abs(state.mean[at]));
    dx[i] = std::abs(gamma[c]) * inverse *
            (3 * scale_part[at] * terms + inverse * mean_error[at] * slope +
             (du[at] + (xhat + inverse * mean_error[at]) * du_xhat[at]) / m +
             6 * u_.arithmetic * (terms + cancelled));
  });
}

}  // namespace mebm::test

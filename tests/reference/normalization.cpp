#include <cmath>

#include "tests/reference/oracle.h"

namespace mebm::reference {

int BatchNorm::rows() const {
  int sum = 0;
  for (int count : counts) sum += count;
  return sum;
}

int BatchNorm::group_of(int row) const {
  int g = 0;
  while (row >= counts[static_cast<std::size_t>(g)]) row -= counts[static_cast<std::size_t>(g++)];
  return g;
}

namespace {

// Calls visit(element, group * channels + channel, channel) in memory order.
template <typename Visit>
void for_each_element(const BatchNorm& b, const Visit& visit) {
  std::size_t i = 0;
  for (int n = 0; n < b.rows(); ++n) {
    const int g = b.group_of(n);
    for (int c = 0; c < b.channels; ++c)
      for (int p = 0; p < b.pixels; ++p)
        visit(i++, static_cast<std::size_t>(g * b.channels + c), static_cast<std::size_t>(c));
  }
}

double population(const BatchNorm& b, std::size_t at) {
  return static_cast<double>(b.counts[at / static_cast<std::size_t>(b.channels)]) * b.pixels;
}

void normalise(const BatchNorm& b, const Values& x, const Values& gamma, const Values& beta,
               BatchNormState& s) {
  s.u.resize(x.size());
  s.z.resize(x.size());
  for_each_element(b, [&](std::size_t i, std::size_t at, std::size_t c) {
    s.u[i] = gamma[c] * (x[i] - s.mean[at]) / std::sqrt(s.variance[at] + b.eps) + beta[c];
    s.z[i] = s.u[i] > 0 ? s.u[i] : b.leak * s.u[i];
  });
}

}  // namespace

BatchNormState batch_norm(const BatchNorm& b, const Values& x, const Values& gamma, const Values& beta) {
  BatchNormState s;
  const std::size_t entries = b.counts.size() * static_cast<std::size_t>(b.channels);
  s.mean.assign(entries, 0);
  s.variance.assign(entries, 0);
  for_each_element(b, [&](std::size_t i, std::size_t at, std::size_t) { s.mean[at] += x[i]; });
  for (std::size_t at = 0; at < entries; ++at) s.mean[at] /= population(b, at);
  for_each_element(b, [&](std::size_t i, std::size_t at, std::size_t) {
    s.variance[at] += (x[i] - s.mean[at]) * (x[i] - s.mean[at]);
  });
  for (std::size_t at = 0; at < entries; ++at) s.variance[at] /= population(b, at);
  normalise(b, x, gamma, beta, s);
  return s;
}

BatchNormState batch_norm_given(const BatchNorm& b, const Values& x, const Values& gamma, const Values& beta,
                                const Values& mean, const Values& variance) {
  BatchNormState s;
  for (std::size_t g = 0; g < b.counts.size(); ++g) {
    s.mean.insert(s.mean.end(), mean.begin(), mean.end());
    s.variance.insert(s.variance.end(), variance.begin(), variance.end());
  }
  normalise(b, x, gamma, beta, s);
  return s;
}

BatchNormGradient batch_norm_gradient(const BatchNorm& b, const BatchNormState& s, const Values& x,
                                      const Values& gamma, const Values& dz, bool through_statistics) {
  const std::size_t entries = s.mean.size();
  BatchNormGradient out{Values(x.size()), Values(entries), Values(entries)};
  Values du(x.size()), dxhat(x.size()), deviation(entries), dvariance(entries), dmean(entries);
  for (std::size_t at = 0; at < entries; ++at) deviation[at] = std::sqrt(s.variance[at] + b.eps);
  for_each_element(b, [&](std::size_t i, std::size_t at, std::size_t c) {
    du[i] = s.u[i] > 0 ? dz[i] : b.leak * dz[i];
    dxhat[i] = gamma[c] * du[i];
    out.dbeta[at] += du[i];
    out.dgamma[at] += du[i] * (x[i] - s.mean[at]) / deviation[at];
    dvariance[at] -= dxhat[i] * (x[i] - s.mean[at]) / (2 * deviation[at] * deviation[at] * deviation[at]);
    dmean[at] -= dxhat[i] / deviation[at];
  });
  for_each_element(b, [&](std::size_t i, std::size_t at, std::size_t) {
    const double m = population(b, at);
    out.dx[i] = dxhat[i] / deviation[at];
    if (through_statistics) out.dx[i] += dvariance[at] * 2 * (x[i] - s.mean[at]) / m + dmean[at] / m;
  });
  return out;
}

}  // namespace mebm::reference

#include "metrics/ood.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "engine/core/error.h"

namespace mebm::metrics {
namespace {

void check(std::span<const double> scores, std::string_view side) {
  if (scores.empty()) engine::fail_input("no \"{}\" scores: two sets are needed to tell them apart", side);
  const auto nan = std::find_if(scores.begin(), scores.end(), [](double s) { return std::isnan(s); });
  if (nan != scores.end())
    engine::fail_input("\"{}\" score {} is not a number; leave that image out or look why", side,
                       nan - scores.begin());
}

std::vector<double> sorted_downwards(std::span<const double> scores, double sign) {
  std::vector<double> sorted(scores.begin(), scores.end());
  for (double& score : sorted) score *= sign;
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  return sorted;
}

// Calls visit(new positives, new negatives) at each distinct score, downwards.
template <typename Visit>
void walk(const std::vector<double>& positives, const std::vector<double>& negatives, Visit visit) {
  std::size_t p = 0, n = 0;
  while (p < positives.size() || n < negatives.size()) {
    const double score = n == negatives.size() || (p < positives.size() && positives[p] > negatives[n])
                             ? positives[p]
                             : negatives[n];
    const std::size_t first_p = p, first_n = n;
    while (p < positives.size() && positives[p] == score) ++p;
    while (n < negatives.size() && negatives[n] == score) ++n;
    visit(static_cast<double>(p - first_p), static_cast<double>(n - first_n));
  }
}

// Sum over distinct thresholds of the rise in recall times the precision there.
double average_precision(const std::vector<double>& positives, const std::vector<double>& negatives) {
  double above_p = 0, above_n = 0, sum = 0;
  walk(positives, negatives, [&](double p, double n) {
    above_p += p;
    above_n += n;
    sum += p * (above_p / (above_p + above_n));
  });
  return sum / static_cast<double>(positives.size());
}

}  // namespace

Separation separation(std::span<const double> in, std::span<const double> out) {
  check(in, "in");
  check(out, "out");
  const auto high_in = sorted_downwards(in, 1), high_out = sorted_downwards(out, 1);
  const auto ins = static_cast<double>(in.size()), outs = static_cast<double>(out.size());
  Separation result;
  double above_in = 0, above_out = 0, ordered_pairs = 0;
  bool enough = false;
  walk(high_in, high_out, [&](double p, double n) {
    ordered_pairs += n * (above_in + p / 2);
    above_in += p;
    above_out += n;
    if (!enough && 20 * above_in >= 19 * ins) {
      enough = true;
      result.fpr_at_95 = above_out / outs;
    }
  });
  result.auroc = ordered_pairs / (ins * outs);
  result.aupr_in = average_precision(high_in, high_out);
  result.aupr_out = average_precision(sorted_downwards(out, -1), sorted_downwards(in, -1));
  return result;
}

}  // namespace mebm::metrics

#pragma once
// How well a score tells one data set (in) from another (out): higher scores should mean "in".

#include <span>

namespace mebm::metrics {

struct Separation {
  double auroc = 0;      // ties count one half
  double aupr_in = 0;    // average precision, in-distribution as positives
  double aupr_out = 0;   // out-of-distribution as positives, scores negated
  double fpr_at_95 = 0;  // share of "out" above the threshold that keeps at least 95 % of "in"
};

// InputError naming side and index for a NaN, or where a side is empty; infinities are scores like others.
Separation separation(std::span<const double> in, std::span<const double> out);

}  // namespace mebm::metrics

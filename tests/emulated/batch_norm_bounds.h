#pragma once
// What rounding may change in grouped batch-norm, from the oracle's numbers.

#include "tests/reference/oracle.h"

namespace mebm::test {

// Unit roundoffs: of the arithmetic and of stored values.
struct Roundoff {
  double arithmetic = 0, stored = 0;
};

// A sum of m terms errs by at most 6 sqrt(m + 8) u sum |term| (see reference::sum_bound); sums are of
// d = x - pivot with the pivot the group's first element of the channel. Entries are [group][channel],
// elements in the plain layout.
class BatchNormBounds {
 public:
  BatchNormBounds() = default;
  // Of the forward pass.
  BatchNormBounds(const reference::BatchNorm& oracle, const Roundoff& u, const reference::Values& x,
                  const reference::Values& gamma, const reference::Values& beta,
                  const reference::BatchNormState& state);
  void add_backward(const reference::BatchNorm& oracle, const reference::Values& x,
                    const reference::Values& gamma, const reference::Values& dz,
                    const reference::BatchNormState& state, const reference::BatchNormGradient& gradient);

  reference::Values mean, variance;  // in fp64: only the sums err
  reference::Values scale_part;      // relative, of scale and inverse deviation
  reference::Values u;               // scale x + shift
  reference::Values z;               // and one rounding to the stored type
  reference::Values du, du_xhat;     // per group
  reference::Values dx;              // before it is rounded to the stored type

 private:
  double sum_error(double m) const;
  Roundoff u_;
};

// Elements of one group and channel.
double population(const reference::BatchNorm& oracle, std::size_t entry);

}  // namespace mebm::test

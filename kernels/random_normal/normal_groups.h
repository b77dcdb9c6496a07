#pragma once
// The normals of neighbouring groups of four elements at once, on the CPU: what random_normal::fill and the
// Langevin step share.

#include <cstdint>

#include "kernels/core/philox.h"

namespace mebm::kernels::random_normal {

// Groups that normal_groups takes at most.
inline constexpr int kGroupsAtOnce = 64;

// Which groups: the counter of group g of kernels/core/philox.h is {first_group + g, slot, step | purpose <<
// 24, iteration}.
struct GroupRange {
  PhiloxKey key;
  RandomPurpose purpose;
  std::uint32_t iteration, slot, step, first_group;
  int count;  // 1 ... kGroupsAtOnce
};

// out [4 kGroupsAtOnce]: element 4 g + i is normal i of group g (normal_math.h); those past 4 count are
// overwritten with numbers of no meaning. The same bits for a group wherever in a range it comes. fp32 is
// vectorised, with logarithm, sine and cosine of its own: 2 units in the last place each.
template <typename T>
void normal_groups(const GroupRange& range, T* out);

}  // namespace mebm::kernels::random_normal

#pragma once
// Copies a feature map between layouts and element types. Used where images enter and features leave, never
// in the loop over layers.

#include "kernels/core/exec.h"

namespace mebm::kernels::reorder {

// to and from have the same images, channels and pixels; padding channels of `to` are set to 0.
// accumulate: added to what `to` holds (padding untouched).
template <typename From, typename To>
void copy(const CpuExec& exec, const FeatureMap& from_map, const From* from, const FeatureMap& to_map, To* to,
          bool accumulate);

}  // namespace mebm::kernels::reorder

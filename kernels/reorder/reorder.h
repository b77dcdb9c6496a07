#pragma once
// Copies a feature map between layouts and element types. Used where images enter and features leave, never
// in the loop over layers.

#include "kernels/core/bfloat16.h"
#include "kernels/core/device_exec.h"
#include "kernels/core/exec.h"

namespace mebm::kernels::reorder {

// to and from have the same images, channels and pixels; padding channels of `to` are set to 0.
// accumulate: added to what `to` holds (padding untouched).
template <typename From, typename To>
void copy(const CpuExec& exec, const FeatureMap& from_map, const From* from, const FeatureMap& to_map, To* to,
          bool accumulate);

namespace device {
// Plain [images][channels][pixels] to channels-last and back, with a change of type on the way.
template <typename From, typename To>
Status to_channels_last(const DeviceExec& exec, const ChannelsLast& map, const From* plain, To* out,
                        bool accumulate);
template <typename From, typename To>
Status to_plain(const DeviceExec& exec, const ChannelsLast& map, const From* channels_last, To* out,
                bool accumulate);
// n values of one layout in another type.
template <typename From, typename To>
Status cast(const DeviceExec& exec, std::int64_t n, const From* from, To* to, bool accumulate);
}  // namespace device

}  // namespace mebm::kernels::reorder

#pragma once
// The gradient of a convolution's bias on a device (the bias itself is added by the convolution).

#include <cstddef>

#include "kernels/core/bfloat16.h"
#include "kernels/core/device_exec.h"

namespace mebm::kernels::channel_bias::device {

// dbias[c] (+)= sum over rows of dy[row][c]; partial sums per block, combined in fp64 in a fixed order by the
// last one. Scratch is 16-byte aligned.
std::size_t scratch_bytes(const DeviceExec& exec, const ChannelsLast& map);
template <typename T>
Status gradient(const DeviceExec& exec, const ChannelsLast& map, const T* dy, Arithmetic<T>* dbias,
                bool accumulate, void* scratch);

}  // namespace mebm::kernels::channel_bias::device

#pragma once
// Global average pooling of a feature map to plain features [images][channels].

#include "kernels/core/bfloat16.h"
#include "kernels/core/device_exec.h"
#include "kernels/core/exec.h"

namespace mebm::kernels::pool {

// features[n][c] = mean over pixels of x; summed in fp64.
template <typename T>
void global_average(const CpuExec& exec, const FeatureMap& map, const T* x, T* features);

// dx[n][c][p] (+)= dfeatures[n][c] / pixels. Overwriting also writes padding channels (with 0).
template <typename T>
void global_average_backward(const CpuExec& exec, const FeatureMap& map, const T* dfeatures, T* dx,
                             bool accumulate);

namespace device {
// features [images][channels] in the type arithmetic on T is done in.
template <typename T>
Status global_average(const DeviceExec& exec, const ChannelsLast& map, const T* x, Arithmetic<T>* features);
template <typename T>
Status global_average_backward(const DeviceExec& exec, const ChannelsLast& map,
                               const Arithmetic<T>* dfeatures, T* dx, bool accumulate);
}  // namespace device

}  // namespace mebm::kernels::pool

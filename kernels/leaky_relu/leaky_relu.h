#pragma once
// z = x > 0 ? x : leak x, elementwise over n values of any layout (networks without batch-norm).

#include <cstdint>

#include "kernels/core/device_exec.h"
#include "kernels/core/exec.h"

namespace mebm::kernels::leaky_relu {

// z may alias x.
template <typename T>
void forward(const CpuExec& exec, std::int64_t n, double leak, const T* x, T* z);

// dx (+)= dz (x > 0 ? 1 : leak); the slope at 0 is `leak`, as in PyTorch. Overwriting dx may alias dz.
template <typename T>
void backward(const CpuExec& exec, std::int64_t n, double leak, const T* x, const T* dz, T* dx,
              bool accumulate);

namespace device {
template <typename T>
Status forward(const DeviceExec& exec, std::int64_t n, double leak, const T* x, T* z);
template <typename T>
Status backward(const DeviceExec& exec, std::int64_t n, double leak, const T* x, const T* dz, T* dx,
                bool accumulate);
}  // namespace device

}  // namespace mebm::kernels::leaky_relu

#pragma once
// Fully connected layer on plain row-major matrices.

#include <cstdint>

#include "kernels/core/device_exec.h"

namespace mebm::kernels::linear {

// y [rows][outputs] = x [rows][inputs] w^T + bias; w [outputs][inputs].
template <typename T>
void forward(std::int64_t rows, std::int64_t inputs, std::int64_t outputs, const T* x, const T* w,
             const T* bias, T* y);

// dx (+)= dy w
template <typename T>
void backward_input(std::int64_t rows, std::int64_t inputs, std::int64_t outputs, const T* dy, const T* w,
                    T* dx, bool accumulate);

// dw (+)= dy^T x; dbias (+)= column sums of dy.
template <typename T>
void backward_weights(std::int64_t rows, std::int64_t inputs, std::int64_t outputs, const T* x, const T* dy,
                      T* dw, T* dbias, bool accumulate_weights, bool accumulate_bias);

namespace device {
// The same on device memory, all row-major plain; sums in a fixed order. For the small matrices of heads; the
// products of p0 go through kernels/gemm.
template <typename T>
Status forward(const DeviceExec& exec, std::int64_t rows, std::int64_t inputs, std::int64_t outputs,
               const T* x, const T* w, const T* bias, T* y);
template <typename T>
Status backward_input(const DeviceExec& exec, std::int64_t rows, std::int64_t inputs, std::int64_t outputs,
                      const T* dy, const T* w, T* dx, bool accumulate);
template <typename T>
Status backward_weights(const DeviceExec& exec, std::int64_t rows, std::int64_t inputs, std::int64_t outputs,
                        const T* x, const T* dy, T* dw, T* dbias, bool accumulate_weights,
                        bool accumulate_bias);
}  // namespace device

}  // namespace mebm::kernels::linear

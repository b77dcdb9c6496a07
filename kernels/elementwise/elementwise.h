#pragma once
// Elementwise arithmetic and sums over n values of one layout.

#include <cstdint>

#include "kernels/core/device_exec.h"
#include "kernels/core/exec.h"

namespace mebm::kernels::elementwise {

// y = alpha x + beta y; y is not read where beta = 0. x may alias y.
template <typename T>
void axpby(const CpuExec& exec, std::int64_t n, double alpha, const T* x, double beta, T* y);

// out = (accumulate ? out : 0) + alpha a b; out may alias a or b.
template <typename T>
void multiply(const CpuExec& exec, std::int64_t n, double alpha, const T* a, const T* b, T* out,
              bool accumulate);

template <typename T>
void fill(const CpuExec& exec, std::int64_t n, double value, T* out);

// Sum and sum of squares in fp64, folded over fixed chunks: independent of the number of threads.
template <typename T>
double sum(const CpuExec& exec, std::int64_t n, const T* x);
template <typename T>
double sum_of_squares(const CpuExec& exec, std::int64_t n, const T* x);

namespace device {
template <typename T>
Status axpby(const DeviceExec& exec, std::int64_t n, double alpha, const T* x, double beta, T* y);
template <typename T>
Status multiply(const DeviceExec& exec, std::int64_t n, double alpha, const T* a, const T* b, T* out,
                bool accumulate);
template <typename T>
Status fill(const DeviceExec& exec, std::int64_t n, double value, T* out);

// out[i] = *value, a value in device memory.
template <typename T>
Status broadcast(const DeviceExec& exec, std::int64_t n, const T* value, T* out);

// *out (one value in device memory) = (accumulate ? *out : 0) + alpha sum x; in fp64 over a fixed partition,
// combined by the last block. scratch: sum_scratch_bytes().
std::size_t sum_scratch_bytes(const DeviceExec& exec);
template <typename T, typename Out>
Status sum(const DeviceExec& exec, std::int64_t n, const T* x, double alpha, Out* out, bool accumulate,
           void* scratch);

// *out = (accumulate ? *out : 0) + sum over all arrays of the sum of squares; `arrays` is an array in device
// memory, so the host cannot see which memory the arrays take: `memory` declares it as read.
template <typename T>
struct Array {
  const T* values;
  std::int64_t count;
};
template <typename T>
Status sum_of_squares(const DeviceExec& exec, const Array<T>* arrays, int array_count, double* out,
                      bool accumulate, void* scratch, const runtime::Accesses& memory);
}  // namespace device

}  // namespace mebm::kernels::elementwise

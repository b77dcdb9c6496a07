#pragma once
// Elementwise arithmetic and sums over n values of one layout.

#include <cstdint>

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

}  // namespace mebm::kernels::elementwise

#include "kernels/leaky_relu/leaky_relu.h"

namespace mebm::kernels::leaky_relu {

template <typename T>
void forward(const CpuExec& exec, std::int64_t n, double leak, const T* x, T* z) {
  const T slope = static_cast<T>(leak);
#pragma omp parallel for simd schedule(static) num_threads(exec.threads)
  for (std::int64_t i = 0; i < n; ++i) z[i] = x[i] > T(0) ? x[i] : slope * x[i];
}

template <typename T>
void backward(const CpuExec& exec, std::int64_t n, double leak, const T* x, const T* dz, T* dx,
              bool accumulate) {
  const T slope = static_cast<T>(leak), keep = accumulate ? T(1) : T(0);
#pragma omp parallel for schedule(static) num_threads(exec.threads)
  for (std::int64_t i = 0; i < n; ++i) {
    const T gradient = x[i] > T(0) ? dz[i] : slope * dz[i];
    dx[i] = keep != T(0) ? dx[i] + gradient : gradient;
  }
}

template void forward<float>(const CpuExec&, std::int64_t, double, const float*, float*);
template void forward<double>(const CpuExec&, std::int64_t, double, const double*, double*);
template void backward<float>(const CpuExec&, std::int64_t, double, const float*, const float*, float*, bool);
template void backward<double>(const CpuExec&, std::int64_t, double, const double*, const double*, double*,
                               bool);

}  // namespace mebm::kernels::leaky_relu

#include "kernels/elementwise/elementwise.h"

#include <algorithm>
#include <array>

namespace mebm::kernels::elementwise {
namespace {

constexpr std::int64_t kChunk = 65536;
constexpr std::int64_t kChunksTogether = 256;

// Sums map(x[i]) over chunks of fixed size, then the chunks in order.
template <typename T, typename Map>
double chunked_sum(const CpuExec& exec, std::int64_t n, const T* x, const Map& map) {
  const auto sum_range = [&](std::int64_t begin, std::int64_t end) {
    double lanes[8] = {};
    std::int64_t i = begin;
    for (; i + 8 <= end; i += 8)
      for (int lane = 0; lane < 8; ++lane) lanes[lane] += map(static_cast<double>(x[i + lane]));
    for (; i < end; ++i) lanes[0] += map(static_cast<double>(x[i]));
    return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
  };
  if (n <= kChunk) return sum_range(0, n);
  double total = 0;
  std::array<double, kChunksTogether> partial;
  for (std::int64_t first = 0; first < n; first += kChunksTogether * kChunk) {
    const std::int64_t chunks = std::min(kChunksTogether, (n - first + kChunk - 1) / kChunk);
#pragma omp parallel for schedule(static) num_threads(exec.threads)
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk)
      partial[static_cast<std::size_t>(chunk)] =
          sum_range(first + chunk * kChunk, std::min(n, first + (chunk + 1) * kChunk));
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) total += partial[static_cast<std::size_t>(chunk)];
  }
  return total;
}

}  // namespace

template <typename T>
void axpby(const CpuExec& exec, std::int64_t n, double alpha, const T* x, double beta, T* y) {
  const T a = static_cast<T>(alpha), b = static_cast<T>(beta);
  if (beta == 0) {
#pragma omp parallel for simd schedule(static) num_threads(exec.threads)
    for (std::int64_t i = 0; i < n; ++i) y[i] = a * x[i];
  } else {
#pragma omp parallel for simd schedule(static) num_threads(exec.threads)
    for (std::int64_t i = 0; i < n; ++i) y[i] = a * x[i] + b * y[i];
  }
}

template <typename T>
void multiply(const CpuExec& exec, std::int64_t n, double alpha, const T* a, const T* b, T* out,
              bool accumulate) {
  const T factor = static_cast<T>(alpha);
#pragma omp parallel for schedule(static) num_threads(exec.threads)
  for (std::int64_t i = 0; i < n; ++i) {
    const T product = factor * a[i] * b[i];
    out[i] = accumulate ? out[i] + product : product;
  }
}

template <typename T>
void fill(const CpuExec& exec, std::int64_t n, double value, T* out) {
  const T v = static_cast<T>(value);
#pragma omp parallel for schedule(static) num_threads(exec.threads)
  for (std::int64_t i = 0; i < n; ++i) out[i] = v;
}

template <typename T>
double sum(const CpuExec& exec, std::int64_t n, const T* x) {
  return chunked_sum(exec, n, x, [](double v) { return v; });
}

template <typename T>
double sum_of_squares(const CpuExec& exec, std::int64_t n, const T* x) {
  return chunked_sum(exec, n, x, [](double v) { return v * v; });
}

#define MEBM_INSTANTIATE(T)                                                                      \
  template void axpby<T>(const CpuExec&, std::int64_t, double, const T*, double, T*);            \
  template void multiply<T>(const CpuExec&, std::int64_t, double, const T*, const T*, T*, bool); \
  template void fill<T>(const CpuExec&, std::int64_t, double, T*);                               \
  template double sum<T>(const CpuExec&, std::int64_t, const T*);                                \
  template double sum_of_squares<T>(const CpuExec&, std::int64_t, const T*);
MEBM_INSTANTIATE(float)
MEBM_INSTANTIATE(double)
#undef MEBM_INSTANTIATE

}  // namespace mebm::kernels::elementwise

#include "kernels/linear/linear.h"

#include <Eigen/Core>

namespace mebm::kernels::linear {
namespace {

template <typename T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <typename T>
using In = Eigen::Map<const Matrix<T>>;
template <typename T>
using Out = Eigen::Map<Matrix<T>>;

}  // namespace

template <typename T>
void gemm(bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n, std::int64_t k, double alpha,
          const T* a, const T* b, T* c, bool accumulate) {
  Out<T> out(c, m, n);
  if (!accumulate) out.setZero();
  const T factor = static_cast<T>(alpha);
  if (transpose_a && transpose_b)
    out.noalias() += factor * In<T>(a, k, m).transpose() * In<T>(b, n, k).transpose();
  else if (transpose_a)
    out.noalias() += factor * In<T>(a, k, m).transpose() * In<T>(b, k, n);
  else if (transpose_b)
    out.noalias() += factor * In<T>(a, m, k) * In<T>(b, n, k).transpose();
  else
    out.noalias() += factor * In<T>(a, m, k) * In<T>(b, k, n);
}

template <typename T>
void forward(std::int64_t rows, std::int64_t inputs, std::int64_t outputs, const T* x, const T* w,
             const T* bias, T* y) {
  gemm<T>(false, true, rows, outputs, inputs, 1, x, w, y, false);
  if (bias == nullptr) return;
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t o = 0; o < outputs; ++o) y[r * outputs + o] += bias[o];
}

template <typename T>
void backward_input(std::int64_t rows, std::int64_t inputs, std::int64_t outputs, const T* dy, const T* w,
                    T* dx, bool accumulate) {
  gemm<T>(false, false, rows, inputs, outputs, 1, dy, w, dx, accumulate);
}

template <typename T>
void backward_weights(std::int64_t rows, std::int64_t inputs, std::int64_t outputs, const T* x, const T* dy,
                      T* dw, T* dbias, bool accumulate_weights, bool accumulate_bias) {
  if (dw != nullptr) gemm<T>(true, false, outputs, inputs, rows, 1, dy, x, dw, accumulate_weights);
  if (dbias == nullptr) return;
  for (std::int64_t o = 0; o < outputs; ++o) {
    double sum = 0;
    for (std::int64_t r = 0; r < rows; ++r) sum += static_cast<double>(dy[r * outputs + o]);
    dbias[o] = static_cast<T>(sum) + (accumulate_bias ? dbias[o] : T(0));
  }
}

#define MEBM_INSTANTIATE(T)                                                                                \
  template void gemm<T>(bool, bool, std::int64_t, std::int64_t, std::int64_t, double, const T*, const T*,  \
                        T*, bool);                                                                         \
  template void forward<T>(std::int64_t, std::int64_t, std::int64_t, const T*, const T*, const T*, T*);    \
  template void backward_input<T>(std::int64_t, std::int64_t, std::int64_t, const T*, const T*, T*, bool); \
  template void backward_weights<T>(std::int64_t, std::int64_t, std::int64_t, const T*, const T*, T*, T*,  \
                                    bool, bool);
MEBM_INSTANTIATE(float)
MEBM_INSTANTIATE(double)
#undef MEBM_INSTANTIATE

}  // namespace mebm::kernels::linear

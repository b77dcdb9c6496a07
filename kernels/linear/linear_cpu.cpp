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

// out = (accumulate ? out : 0) + left right; row-major.
template <typename T, typename Left, typename Right>
void product(const Left& left, const Right& right, T* out, bool accumulate) {
  Out<T> result(out, left.rows(), right.cols());
  if (!accumulate) result.setZero();
  result.noalias() += left * right;
}

}  // namespace

template <typename T>
void forward(std::int64_t rows, std::int64_t inputs, std::int64_t outputs, const T* x, const T* w,
             const T* bias, T* y) {
  product(In<T>(x, rows, inputs), In<T>(w, outputs, inputs).transpose(), y, false);
  if (bias == nullptr) return;
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t o = 0; o < outputs; ++o) y[r * outputs + o] += bias[o];
}

template <typename T>
void backward_input(std::int64_t rows, std::int64_t inputs, std::int64_t outputs, const T* dy, const T* w,
                    T* dx, bool accumulate) {
  product(In<T>(dy, rows, outputs), In<T>(w, outputs, inputs), dx, accumulate);
}

template <typename T>
void backward_weights(std::int64_t rows, std::int64_t inputs, std::int64_t outputs, const T* x, const T* dy,
                      T* dw, T* dbias, bool accumulate_weights, bool accumulate_bias) {
  if (dw != nullptr)
    product(In<T>(dy, rows, outputs).transpose(), In<T>(x, rows, inputs), dw, accumulate_weights);
  if (dbias == nullptr) return;
  for (std::int64_t o = 0; o < outputs; ++o) {
    double sum = 0;
    for (std::int64_t r = 0; r < rows; ++r) sum += static_cast<double>(dy[r * outputs + o]);
    dbias[o] = static_cast<T>(sum) + (accumulate_bias ? dbias[o] : T(0));
  }
}

#define MEBM_INSTANTIATE(T)                                                                                \
  template void forward<T>(std::int64_t, std::int64_t, std::int64_t, const T*, const T*, const T*, T*);    \
  template void backward_input<T>(std::int64_t, std::int64_t, std::int64_t, const T*, const T*, T*, bool); \
  template void backward_weights<T>(std::int64_t, std::int64_t, std::int64_t, const T*, const T*, T*, T*,  \
                                    bool, bool);
MEBM_INSTANTIATE(float)
MEBM_INSTANTIATE(double)
#undef MEBM_INSTANTIATE

}  // namespace mebm::kernels::linear

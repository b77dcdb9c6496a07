#include "kernels/softmax/softmax.h"

#include <algorithm>
#include <cmath>

namespace mebm::kernels::softmax {
namespace {

template <typename T>
double row_logsumexp(std::int64_t classes, const T* row) {
  const double largest = static_cast<double>(*std::max_element(row, row + classes));
  double sum = 0;
  for (std::int64_t y = 0; y < classes; ++y) sum += std::exp(static_cast<double>(row[y]) - largest);
  return largest + std::log(sum);
}

template <typename T>
void add_softmax(std::int64_t classes, const T* row, double factor, T* out, bool accumulate) {
  const double normaliser = row_logsumexp(classes, row);
  for (std::int64_t y = 0; y < classes; ++y) {
    const T value = static_cast<T>(factor * std::exp(static_cast<double>(row[y]) - normaliser));
    out[y] = accumulate ? out[y] + value : value;
  }
}

}  // namespace

template <typename T>
void logsumexp(std::int64_t rows, std::int64_t classes, const T* logits, T* out) {
  for (std::int64_t r = 0; r < rows; ++r)
    out[r] = static_cast<T>(row_logsumexp(classes, logits + r * classes));
}

template <typename T>
void logsumexp_backward(std::int64_t rows, std::int64_t classes, const T* logits, const T* dout, T* dlogits,
                        bool accumulate) {
  for (std::int64_t r = 0; r < rows; ++r)
    add_softmax(classes, logits + r * classes, static_cast<double>(dout[r]), dlogits + r * classes,
                accumulate);
}

template <typename T>
double cross_entropy(std::int64_t rows, std::int64_t classes, const T* logits, const int* labels) {
  double sum = 0;
  for (std::int64_t r = 0; r < rows; ++r)
    sum +=
        row_logsumexp(classes, logits + r * classes) - static_cast<double>(logits[r * classes + labels[r]]);
  return sum / static_cast<double>(rows);
}

template <typename T>
void cross_entropy_backward(std::int64_t rows, std::int64_t classes, const T* logits, const int* labels,
                            double dloss, T* dlogits, bool accumulate) {
  const double factor = dloss / static_cast<double>(rows);
  for (std::int64_t r = 0; r < rows; ++r) {
    add_softmax(classes, logits + r * classes, factor, dlogits + r * classes, accumulate);
    dlogits[r * classes + labels[r]] -= static_cast<T>(factor);
  }
}

template <typename T>
void gather(std::int64_t rows, std::int64_t classes, const T* logits, const int* labels, T* out) {
  for (std::int64_t r = 0; r < rows; ++r) out[r] = logits[r * classes + labels[r]];
}

template <typename T>
void gather_backward(std::int64_t rows, std::int64_t classes, const int* labels, const T* dout, T* dlogits,
                     bool accumulate) {
  if (!accumulate) std::fill_n(dlogits, rows * classes, T(0));
  for (std::int64_t r = 0; r < rows; ++r) dlogits[r * classes + labels[r]] += dout[r];
}

#define MEBM_INSTANTIATE(T)                                                                             \
  template void logsumexp<T>(std::int64_t, std::int64_t, const T*, T*);                                 \
  template void logsumexp_backward<T>(std::int64_t, std::int64_t, const T*, const T*, T*, bool);        \
  template double cross_entropy<T>(std::int64_t, std::int64_t, const T*, const int*);                   \
  template void cross_entropy_backward<T>(std::int64_t, std::int64_t, const T*, const int*, double, T*, \
                                          bool);                                                        \
  template void gather<T>(std::int64_t, std::int64_t, const T*, const int*, T*);                        \
  template void gather_backward<T>(std::int64_t, std::int64_t, const int*, const T*, T*, bool);
MEBM_INSTANTIATE(float)
MEBM_INSTANTIATE(double)
#undef MEBM_INSTANTIATE

}  // namespace mebm::kernels::softmax

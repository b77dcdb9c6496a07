#pragma once
// Functions of class logits [rows][classes]; the row maximum is subtracted first, sums are in fp64.

#include <cstdint>

#include "kernels/core/device_exec.h"

namespace mebm::kernels::softmax {

// out[r] = log sum_y exp(logits[r][y])
template <typename T>
void logsumexp(std::int64_t rows, std::int64_t classes, const T* logits, T* out);

// dlogits (+)= dout[r] softmax(logits[r])
template <typename T>
void logsumexp_backward(std::int64_t rows, std::int64_t classes, const T* logits, const T* dout, T* dlogits,
                        bool accumulate);

// Mean over rows of log sum exp(logits[r]) - logits[r][labels[r]]; labels in 0 ... classes - 1.
template <typename T>
double cross_entropy(std::int64_t rows, std::int64_t classes, const T* logits, const int* labels);

// dlogits (+)= dloss (softmax(logits[r]) - onehot(labels[r])) / rows
template <typename T>
void cross_entropy_backward(std::int64_t rows, std::int64_t classes, const T* logits, const int* labels,
                            double dloss, T* dlogits, bool accumulate);

// out[r] = logits[r][labels[r]]
template <typename T>
void gather(std::int64_t rows, std::int64_t classes, const T* logits, const int* labels, T* out);

// dlogits[r][labels[r]] += dout[r]; everything else (+)= 0
template <typename T>
void gather_backward(std::int64_t rows, std::int64_t classes, const int* labels, const T* dout, T* dlogits,
                     bool accumulate);

namespace device {
// The same on device memory; labels in device memory, scalars too. Sums over classes are in T. A label
// outside 0 ... classes - 1 gives NaN, in gradients for the whole row.
template <typename T>
Status logsumexp(const DeviceExec& exec, std::int64_t rows, std::int64_t classes, const T* logits, T* out);
template <typename T>
Status logsumexp_backward(const DeviceExec& exec, std::int64_t rows, std::int64_t classes, const T* logits,
                          const T* dout, T* dlogits, bool accumulate);
// One block; rows summed in fp64 in a fixed order.
template <typename T>
Status cross_entropy(const DeviceExec& exec, std::int64_t rows, std::int64_t classes, const T* logits,
                     const int* labels, T* out);
template <typename T>
Status cross_entropy_backward(const DeviceExec& exec, std::int64_t rows, std::int64_t classes,
                              const T* logits, const int* labels, const T* dloss, T* dlogits,
                              bool accumulate);
template <typename T>
Status gather(const DeviceExec& exec, std::int64_t rows, std::int64_t classes, const T* logits,
              const int* labels, T* out);
template <typename T>
Status gather_backward(const DeviceExec& exec, std::int64_t rows, std::int64_t classes, const int* labels,
                       const T* dout, T* dlogits, bool accumulate);
}  // namespace device

}  // namespace mebm::kernels::softmax

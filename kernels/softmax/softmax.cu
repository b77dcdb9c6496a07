#include "kernels/softmax/softmax.h"

#include <cmath>
#include <limits>

#include "kernels/core/block_sum.h"

namespace mebm::kernels::softmax::device {
namespace {

// One warp per row. The loss is one block of kLossBlock threads.
constexpr std::uint32_t kBlock = 128, kLossBlock = 1024;

template <typename T>
constexpr T kInfinity = std::numeric_limits<T>::infinity();
template <typename T>
constexpr T kNaN = std::numeric_limits<T>::quiet_NaN();

__device__ __forceinline__ int lane_of_thread() {
  return static_cast<int>(threadIdx.x % kWarp);
}
__device__ __forceinline__ std::int64_t row_of_warp() {
  return (std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x) / kWarp;
}

// A row's maximum and sum of exp(logit - maximum), the same in every lane. NaN logits give a NaN sum.
template <typename T>
struct RowSum {
  T largest, sum;

  __device__ T log_of_sum() const { return largest + std::log(sum); }
  __device__ T probability(T logit) const { return std::exp(logit - largest) / sum; }
};

template <typename T>
__device__ __forceinline__ RowSum<T> row_sum(std::int64_t classes, const T* row) {
  T largest = -kInfinity<T>;
  for (std::int64_t y = lane_of_thread(); y < classes; y += kWarp)
    largest = row[y] > largest ? row[y] : largest;
  for (int mask = kWarp / 2; mask > 0; mask /= 2) {
    const T other = __shfl_xor_sync(kFullMask, largest, mask);
    largest = other > largest ? other : largest;
  }
  T sum = 0;
  for (std::int64_t y = lane_of_thread(); y < classes; y += kWarp) sum += std::exp(row[y] - largest);
  return {largest, warp_sum(sum)};
}

__device__ __forceinline__ bool is_label(int label, std::int64_t classes) {
  return label >= 0 && label < classes;
}

template <typename T>
__global__ void logsumexp_kernel(std::int64_t rows, std::int64_t classes, const T* __restrict__ logits,
                                 T* __restrict__ out) {
  const std::int64_t row = row_of_warp();
  if (row >= rows) return;
  const RowSum<T> sum = row_sum(classes, logits + row * classes);
  if (lane_of_thread() == 0) out[row] = sum.log_of_sum();
}

// dlogits (+)= factor[r] (softmax(logits[r]) - onehot(labels[r])); factor per row, or one for all with
// `mean`: divided by rows. No labels: no onehot.
template <typename T>
__global__ void backward_kernel(std::int64_t rows, std::int64_t classes, const T* __restrict__ logits,
                                const int* __restrict__ labels, const T* __restrict__ factors, bool mean,
                                T* __restrict__ dlogits, bool accumulate) {
  const std::int64_t row = row_of_warp();
  if (row >= rows) return;
  const T* in = logits + row * classes;
  T* out = dlogits + row * classes;
  const RowSum<T> sum = row_sum(classes, in);
  T factor = mean ? factors[0] / static_cast<T>(rows) : factors[row];
  const int label = labels != nullptr ? labels[row] : -1;
  if (labels != nullptr && !is_label(label, classes)) factor = kNaN<T>;
  for (std::int64_t y = lane_of_thread(); y < classes; y += kWarp) {
    const T value = factor * (sum.probability(in[y]) - (y == label ? T(1) : T(0)));
    out[y] = accumulate ? out[y] + value : value;
  }
}

template <typename T>
__global__ void __launch_bounds__(kLossBlock)
    cross_entropy_kernel(std::int64_t rows, std::int64_t classes, const T* __restrict__ logits,
                         const int* __restrict__ labels, T* __restrict__ out) {
  double loss = 0;
  for (std::int64_t row = row_of_warp(); row < rows; row += kLossBlock / kWarp) {
    const T* in = logits + row * classes;
    const RowSum<T> sum = row_sum(classes, in);
    if (lane_of_thread() == 0)
      loss += is_label(labels[row], classes) ? static_cast<double>(sum.largest - in[labels[row]]) +
                                                   static_cast<double>(std::log(sum.sum))
                                             : kNaN<double>;
  }
  const double total = block_sum(loss);
  if (threadIdx.x == 0) *out = static_cast<T>(total / static_cast<double>(rows));
}

template <typename T>
__global__ void gather_kernel(std::int64_t rows, std::int64_t classes, const T* __restrict__ logits,
                              const int* __restrict__ labels, T* __restrict__ out) {
  const std::int64_t row = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (row >= rows) return;
  const int label = labels[row];
  out[row] = is_label(label, classes) ? logits[row * classes + label] : kNaN<T>;
}

template <typename T>
__global__ void gather_backward_kernel(std::int64_t rows, std::int64_t classes,
                                       const int* __restrict__ labels, const T* __restrict__ dout,
                                       T* __restrict__ dlogits, bool accumulate) {
  const std::int64_t row = row_of_warp();
  if (row >= rows) return;
  const int label = labels[row];
  const T elsewhere = is_label(label, classes) ? T(0) : kNaN<T>;
  for (std::int64_t y = lane_of_thread(); y < classes; y += kWarp) {
    T& target = dlogits[row * classes + y];
    const T value = y == label ? dout[row] : elsewhere;
    target = accumulate ? target + value : value;
  }
}

LaunchShape shape_of(const char* name, std::int64_t rows, std::int64_t classes, std::int64_t threads) {
  return {.name = name,
          .sizes = std::to_string(rows) + " x " + std::to_string(classes),
          .grid_x = blocks_for(threads, kBlock),
          .block = kBlock};
}

}  // namespace

template <typename T>
Status logsumexp(const DeviceExec& exec, std::int64_t rows, std::int64_t classes, const T* logits, T* out) {
  if (rows == 0) return {};
  LaunchShape shape = shape_of("logsumexp", rows, classes, rows * kWarp);
  shape.cooperates = true;
  runtime::Accesses accesses;
  accesses.read(logits, rows * classes).write(out, rows);
  return launch(exec, shape, accesses, logsumexp_kernel<T>, rows, classes, logits, out);
}

template <typename T>
Status logsumexp_backward(const DeviceExec& exec, std::int64_t rows, std::int64_t classes, const T* logits,
                          const T* dout, T* dlogits, bool accumulate) {
  if (rows * classes == 0) return {};
  LaunchShape shape = shape_of("logsumexp_backward", rows, classes, rows * kWarp);
  shape.cooperates = true;
  const int* const labels = nullptr;
  runtime::Accesses accesses;
  accesses.read(logits, rows * classes)
      .read(dout, rows)
      .read(dlogits, accumulate ? rows * classes : 0)
      .write(dlogits, rows * classes);
  return launch(exec, shape, accesses, backward_kernel<T>, rows, classes, logits, labels, dout, false,
                dlogits, accumulate);
}

template <typename T>
Status cross_entropy(const DeviceExec& exec, std::int64_t rows, std::int64_t classes, const T* logits,
                     const int* labels, T* out) {
  const LaunchShape shape{.name = "cross_entropy",
                          .sizes = std::to_string(rows) + " x " + std::to_string(classes),
                          .block = kLossBlock,
                          .cooperates = true};
  runtime::Accesses accesses;
  accesses.read(logits, rows * classes).read(labels, rows).write(out, 1);
  return launch(exec, shape, accesses, cross_entropy_kernel<T>, rows, classes, logits, labels, out);
}

template <typename T>
Status cross_entropy_backward(const DeviceExec& exec, std::int64_t rows, std::int64_t classes,
                              const T* logits, const int* labels, const T* dloss, T* dlogits,
                              bool accumulate) {
  if (rows * classes == 0) return {};
  LaunchShape shape = shape_of("cross_entropy_backward", rows, classes, rows * kWarp);
  shape.cooperates = true;
  runtime::Accesses accesses;
  accesses.read(logits, rows * classes)
      .read(labels, rows)
      .read(dloss, 1)
      .read(dlogits, accumulate ? rows * classes : 0)
      .write(dlogits, rows * classes);
  return launch(exec, shape, accesses, backward_kernel<T>, rows, classes, logits, labels, dloss, true,
                dlogits, accumulate);
}

template <typename T>
Status gather(const DeviceExec& exec, std::int64_t rows, std::int64_t classes, const T* logits,
              const int* labels, T* out) {
  if (rows == 0) return {};
  runtime::Accesses accesses;
  accesses.read(logits, rows * classes).read(labels, rows).write(out, rows);
  return launch(exec, shape_of("gather", rows, classes, rows), accesses, gather_kernel<T>, rows, classes,
                logits, labels, out);
}

template <typename T>
Status gather_backward(const DeviceExec& exec, std::int64_t rows, std::int64_t classes, const int* labels,
                       const T* dout, T* dlogits, bool accumulate) {
  if (rows * classes == 0) return {};
  runtime::Accesses accesses;
  accesses.read(labels, rows)
      .read(dout, rows)
      .read(dlogits, accumulate ? rows * classes : 0)
      .write(dlogits, rows * classes);
  return launch(exec, shape_of("gather_backward", rows, classes, rows * kWarp), accesses,
                gather_backward_kernel<T>, rows, classes, labels, dout, dlogits, accumulate);
}

#define MEBM_INSTANTIATE(T)                                                                                  \
  template Status logsumexp<T>(const DeviceExec&, std::int64_t, std::int64_t, const T*, T*);                 \
  template Status logsumexp_backward<T>(const DeviceExec&, std::int64_t, std::int64_t, const T*, const T*,   \
                                        T*, bool);                                                           \
  template Status cross_entropy<T>(const DeviceExec&, std::int64_t, std::int64_t, const T*, const int*, T*); \
  template Status cross_entropy_backward<T>(const DeviceExec&, std::int64_t, std::int64_t, const T*,         \
                                            const int*, const T*, T*, bool);                                 \
  template Status gather<T>(const DeviceExec&, std::int64_t, std::int64_t, const T*, const int*, T*);        \
  template Status gather_backward<T>(const DeviceExec&, std::int64_t, std::int64_t, const int*, const T*,    \
                                     T*, bool);
MEBM_FOR_REAL_TYPES(MEBM_INSTANTIATE)

}  // namespace mebm::kernels::softmax::device

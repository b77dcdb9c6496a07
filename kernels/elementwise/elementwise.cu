#include "kernels/elementwise/elementwise.h"

#include <algorithm>

#include "kernels/core/block_sum.h"
#include "kernels/core/wide_access.h"

namespace mebm::kernels::elementwise::device {
namespace {

constexpr std::uint32_t kBlock = 256;
constexpr std::int64_t kSumBlocksPerMultiprocessor = 4;

template <typename T>
struct Axpby {
  Arithmetic<T> alpha, beta;
  const T* x;
  T* y;

  template <int Count>
  __device__ void at(std::int64_t i) const {
    Arithmetic<T> in[Count], out[Count] = {};
    load_wide(x + i, in);
    if (beta != 0) load_wide(y + i, out);
    for (int k = 0; k < Count; ++k) out[k] = beta != 0 ? alpha * in[k] + beta * out[k] : alpha * in[k];
    store_wide(y + i, out);
  }
};

template <typename T>
struct Multiply {
  Arithmetic<T> alpha;
  const T *a, *b;
  T* out;
  bool accumulate;

  template <int Count>
  __device__ void at(std::int64_t i) const {
    Arithmetic<T> left[Count], right[Count], sum[Count] = {};
    load_wide(a + i, left);
    load_wide(b + i, right);
    if (accumulate) load_wide(out + i, sum);
    for (int k = 0; k < Count; ++k) sum[k] += alpha * left[k] * right[k];
    store_wide(out + i, sum);
  }
};

template <typename T>
struct Fill {
  Arithmetic<T> value;
  T* out;

  template <int Count>
  __device__ void at(std::int64_t i) const {
    Arithmetic<T> values[Count];
    for (int k = 0; k < Count; ++k) values[k] = value;
    store_wide(out + i, values);
  }
};

template <typename T>
struct Broadcast {
  const T* value;
  T* out;

  template <int Count>
  __device__ void at(std::int64_t i) const {
    Fill<T>{widen(*value), out}.template at<Count>(i);
  }
};

// fp64 sum of x or x^2 over this thread's share of n values at x.
template <bool Squares, typename T>
__device__ __forceinline__ double thread_sum(const T* x, std::int64_t n) {
  constexpr int kSize = Vector<T>::kSize;
  const Split split(n, kSize, is_aligned(x));
  const std::int64_t first = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x,
                     threads = std::int64_t{gridDim.x} * blockDim.x;
  double sums[2] = {};
  for (std::int64_t i = first; i < split.wide; i += threads) {
    Arithmetic<T> values[kSize];
    load_wide(x + i * kSize, values);
    for (int k = 0; k < kSize; ++k) {
      const double value = values[k];
      sums[k % 2] += Squares ? value * value : value;
    }
  }
  for (std::int64_t i = split.wide * kSize + first; i < n; i += threads) {
    const double value = widen(x[i]);
    sums[0] += Squares ? value * value : value;
  }
  return sums[0] + sums[1];
}

template <typename T, typename Out>
__global__ void sum_kernel(std::int64_t n, const T* x, double alpha, Out* out, bool accumulate,
                           double* partial, std::uint32_t* counter) {
  bool last;
  const double sum = grid_sum(thread_sum<false>(x, n), partial, counter, last);
  if (last && threadIdx.x == 0)
    *out = static_cast<Out>((accumulate ? static_cast<double>(*out) : 0) + alpha * sum);
}

template <typename T>
__global__ void sum_of_squares_kernel(const Array<T>* arrays, int array_count, double* out, bool accumulate,
                                      double* partial, std::uint32_t* counter) {
  double mine = 0;
  for (int a = 0; a < array_count; ++a) mine += thread_sum<true>(arrays[a].values, arrays[a].count);
  bool last;
  const double sum = grid_sum(mine, partial, counter, last);
  if (last && threadIdx.x == 0) *out = (accumulate ? *out : 0) + sum;
}

template <typename T, typename Body>
Status apply(const DeviceExec& exec, const char* name, std::int64_t n, bool aligned,
             const runtime::Accesses& accesses, const Body& body) {
  const Split split(n, kWidth<T>, aligned);
  const LaunchShape shape{
      .name = name, .sizes = std::to_string(n), .grid_x = blocks_for(split.tasks(), kBlock), .block = kBlock};
  return launch(exec, shape, accesses, elementwise_kernel<kWidth<T>, Body>, split, body);
}

std::int64_t most_sum_blocks(const DeviceExec& exec) {
  return kSumBlocksPerMultiprocessor * exec.multiprocessors;
}

}  // namespace

template <typename T>
Status axpby(const DeviceExec& exec, std::int64_t n, double alpha, const T* x, double beta, T* y) {
  if (n == 0) return {};
  runtime::Accesses accesses;
  accesses.read(x, n).read(y, beta != 0 ? n : 0).write(y, n);
  return apply<T>(exec, "axpby", n, all_aligned({x, y}), accesses,
                  Axpby<T>{static_cast<Arithmetic<T>>(alpha), static_cast<Arithmetic<T>>(beta), x, y});
}

template <typename T>
Status multiply(const DeviceExec& exec, std::int64_t n, double alpha, const T* a, const T* b, T* out,
                bool accumulate) {
  if (n == 0) return {};
  runtime::Accesses accesses;
  accesses.read(a, n).read(b, n).read(out, accumulate ? n : 0).write(out, n);
  return apply<T>(exec, "multiply", n, all_aligned({a, b, out}), accesses,
                  Multiply<T>{static_cast<Arithmetic<T>>(alpha), a, b, out, accumulate});
}

template <typename T>
Status fill(const DeviceExec& exec, std::int64_t n, double value, T* out) {
  if (n == 0) return {};
  runtime::Accesses accesses;
  accesses.write(out, n);
  return apply<T>(exec, "fill", n, is_aligned(out), accesses,
                  Fill<T>{static_cast<Arithmetic<T>>(value), out});
}

template <typename T>
Status broadcast(const DeviceExec& exec, std::int64_t n, const T* value, T* out) {
  if (n == 0) return {};
  runtime::Accesses accesses;
  accesses.read(value, 1).write(out, n);
  return apply<T>(exec, "broadcast", n, is_aligned(out), accesses, Broadcast<T>{value, out});
}

std::size_t sum_scratch_bytes(const DeviceExec& exec) {
  return static_cast<std::size_t>(most_sum_blocks(exec)) * sizeof(double);
}

template <typename T, typename Out>
Status sum(const DeviceExec& exec, std::int64_t n, const T* x, double alpha, Out* out, bool accumulate,
           void* scratch) {
  const std::int64_t blocks =
      std::clamp<std::int64_t>((n / Vector<T>::kSize + kBlock - 1) / kBlock, 1, most_sum_blocks(exec));
  const LaunchShape shape{.name = "sum",
                          .sizes = std::to_string(n),
                          .grid_x = static_cast<std::uint32_t>(blocks),
                          .block = kBlock,
                          .cooperates = true};
  auto* partial = static_cast<double*>(scratch);
  runtime::Accesses accesses;
  accesses.read(x, n)
      .read(out, accumulate ? 1 : 0)
      .write(out, 1)
      .write(partial, blocks)
      .write(exec.counters, 1);
  return launch(exec, shape, accesses, sum_kernel<T, Out>, n, x, alpha, out, accumulate, partial,
                exec.counters);
}

template <typename T>
Status sum_of_squares(const DeviceExec& exec, const Array<T>* arrays, int array_count, double* out,
                      bool accumulate, void* scratch, const runtime::Accesses& memory) {
  const std::int64_t blocks = most_sum_blocks(exec);
  const LaunchShape shape{.name = "sum_of_squares",
                          .sizes = std::to_string(array_count) + " arrays",
                          .grid_x = static_cast<std::uint32_t>(blocks),
                          .block = kBlock,
                          .cooperates = true};
  auto* partial = static_cast<double*>(scratch);
  runtime::Accesses accesses = memory;
  accesses.read(arrays, array_count)
      .read(out, accumulate ? 1 : 0)
      .write(out, 1)
      .write(partial, blocks)
      .write(exec.counters, 1);
  return launch(exec, shape, accesses, sum_of_squares_kernel<T>, arrays, array_count, out, accumulate,
                partial, exec.counters);
}

#define MEBM_INSTANTIATE_FILL(T) template Status fill<T>(const DeviceExec&, std::int64_t, double, T*);
#define MEBM_INSTANTIATE_SUM(T, Out) \
  template Status sum<T, Out>(const DeviceExec&, std::int64_t, const T*, double, Out*, bool, void*);
#define MEBM_INSTANTIATE(T)                                                                           \
  template Status axpby<T>(const DeviceExec&, std::int64_t, double, const T*, double, T*);            \
  template Status multiply<T>(const DeviceExec&, std::int64_t, double, const T*, const T*, T*, bool); \
  template Status sum_of_squares<T>(const DeviceExec&, const Array<T>*, int, double*, bool, void*,    \
                                    const runtime::Accesses&);                                        \
  MEBM_INSTANTIATE_FILL(T)                                                                            \
  MEBM_INSTANTIATE_SUM(T, double)
MEBM_FOR_DEVICE_TYPES(MEBM_INSTANTIATE)
#define MEBM_INSTANTIATE_BROADCAST(T) \
  template Status broadcast<T>(const DeviceExec&, std::int64_t, const T*, T*);
MEBM_FOR_REAL_TYPES(MEBM_INSTANTIATE_BROADCAST)
MEBM_INSTANTIATE_SUM(bfloat16, float)
MEBM_INSTANTIATE_SUM(float, float)
MEBM_INSTANTIATE_FILL(int)
MEBM_INSTANTIATE_FILL(std::uint32_t)

}  // namespace mebm::kernels::elementwise::device

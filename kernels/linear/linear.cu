#include "kernels/linear/linear.h"

#include "kernels/core/block_sum.h"
#include "kernels/core/wide_access.h"

namespace mebm::kernels::linear::device {
namespace {

// Blocks of 8 warps. Forward: a warp sums one row's products with kOutputs rows of w, its lanes along the
// inputs; the warps of a block share those rows of w. Weight gradient: lanes along the inputs, warps along
// the rows.
constexpr int kWarps = 8, kOutputs = 4;
constexpr std::uint32_t kBlock = kWarps * kWarp;

template <int Width, typename T>
__global__ void forward_kernel(std::int64_t rows, std::int64_t inputs, std::int64_t outputs,
                               const T* __restrict__ x, const T* __restrict__ w, const T* __restrict__ bias,
                               T* __restrict__ y) {
  const std::int64_t output_groups = (outputs + kOutputs - 1) / kOutputs;
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  const std::int64_t row = blockIdx.x / output_groups * kWarps + warp,
                     first = blockIdx.x % output_groups * kOutputs;
  if (row >= rows) return;
  T sums[kOutputs] = {};
  for (std::int64_t i = std::int64_t{lane} * Width; i < inputs; i += kWarp * Width) {
    T in[Width];
    load_wide(x + row * inputs + i, in);
    for (int o = 0; o < kOutputs; ++o) {
      if (first + o >= outputs) break;
      T weights[Width];
      load_wide(w + (first + o) * inputs + i, weights);
      for (int k = 0; k < Width; ++k) sums[o] += in[k] * weights[k];
    }
  }
  for (int o = 0; o < kOutputs; ++o) {
    const T sum = warp_sum(sums[o]);
    if (lane == 0 && first + o < outputs)
      y[row * outputs + first + o] = bias != nullptr ? sum + bias[first + o] : sum;
  }
}

// One thread per access of dx.
template <int Width, typename T>
__global__ void backward_input_kernel(std::int64_t rows, std::int64_t inputs, std::int64_t outputs,
                                      const T* __restrict__ dy, const T* __restrict__ w, T* __restrict__ dx,
                                      bool accumulate) {
  const std::int64_t task = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x, accesses = inputs / Width;
  if (task >= rows * accesses) return;
  const std::int64_t row = task / accesses, i = task % accesses * Width;
  T sums[Width] = {}, out[Width] = {};
  for (std::int64_t o = 0; o < outputs; ++o) {
    const T gradient = dy[row * outputs + o];
    T weights[Width];
    load_wide(w + o * inputs + i, weights);
    for (int k = 0; k < Width; ++k) sums[k] += gradient * weights[k];
  }
  if (accumulate) load_wide(dx + row * inputs + i, out);
  for (int k = 0; k < Width; ++k) out[k] += sums[k];
  store_wide(dx + row * inputs + i, out);
}

struct WeightsParams {
  std::int64_t rows, inputs, outputs;
  std::int64_t tiles;  // blocks along the inputs for one output; the first also sums the bias
  bool accumulate_weights, accumulate_bias;
};

// A block sums one output's gradient for kWarp * Width inputs. dw or dbias may be null.
template <int Width, typename T>
__global__ void backward_weights_kernel(WeightsParams p, const T* __restrict__ x, const T* __restrict__ dy,
                                        T* __restrict__ dw, T* __restrict__ dbias) {
  MEBM_SHARED_ARRAY(T, partial, Width * kBlock);
  MEBM_SHARED_ARRAY(T, partial_bias, kWarps);
  const int thread = static_cast<int>(threadIdx.x), lane = thread % kWarp, warp = thread / kWarp;
  const std::int64_t output = blockIdx.x / p.tiles, tile = blockIdx.x % p.tiles;
  const std::int64_t input = (tile * kWarp + lane) * Width;
  const bool sums_weights = dw != nullptr && input < p.inputs;
  T sums[Width] = {}, bias_sum = 0;
  for (std::int64_t row = warp; row < p.rows; row += kWarps) {
    const T gradient = dy[row * p.outputs + output];
    bias_sum += gradient;
    if (!sums_weights) continue;
    T in[Width];
    load_wide(x + row * p.inputs + input, in);
    for (int k = 0; k < Width; ++k) sums[k] += gradient * in[k];
  }
  for (int k = 0; k < Width; ++k) partial[k * kBlock + thread] = sums[k];
  if (lane == 0) partial_bias[warp] = bias_sum;
  __syncthreads();
  if (dbias != nullptr && tile == 0 && thread == 0) {
    double sum = 0;
    for (int s = 0; s < kWarps; ++s) sum += partial_bias[s];
    dbias[output] = static_cast<T>(sum) + (p.accumulate_bias ? dbias[output] : T(0));
  }
  // Warp k folds the k-th input of every lane.
  if (!sums_weights || warp >= Width) return;
  double sum = 0;
  for (int s = 0; s < kWarps; ++s) sum += partial[warp * kBlock + s * kWarp + lane];
  T& target = dw[output * p.inputs + input + warp];
  target = static_cast<T>(sum) + (p.accumulate_weights ? target : T(0));
}

std::string sizes_of(std::int64_t rows, std::int64_t inputs, std::int64_t outputs) {
  return std::to_string(rows) + " x " + std::to_string(inputs) + " to " + std::to_string(outputs);
}

// Whether rows of `inputs` values at these addresses can be moved in vectors.
template <typename T>
bool rows_are_aligned(std::int64_t inputs, std::initializer_list<const void*> pointers) {
  return inputs % kWidth<T> == 0 && all_aligned(pointers);
}

}  // namespace

template <typename T>
Status forward(const DeviceExec& exec, std::int64_t rows, std::int64_t inputs, std::int64_t outputs,
               const T* x, const T* w, const T* bias, T* y) {
  if (rows * outputs == 0) return {};
  const std::int64_t row_groups = (rows + kWarps - 1) / kWarps,
                     output_groups = (outputs + kOutputs - 1) / kOutputs;
  const LaunchShape shape{.name = "linear_forward",
                          .sizes = sizes_of(rows, inputs, outputs),
                          .grid_x = static_cast<std::uint32_t>(row_groups * output_groups),
                          .block = kBlock,
                          .cooperates = true};
  runtime::Accesses accesses;
  accesses.read(x, rows * inputs).read(w, outputs * inputs).read(bias, outputs).write(y, rows * outputs);
  const auto kernel =
      rows_are_aligned<T>(inputs, {x, w}) ? forward_kernel<kWidth<T>, T> : forward_kernel<1, T>;
  return launch(exec, shape, accesses, kernel, rows, inputs, outputs, x, w, bias, y);
}

template <typename T>
Status backward_input(const DeviceExec& exec, std::int64_t rows, std::int64_t inputs, std::int64_t outputs,
                      const T* dy, const T* w, T* dx, bool accumulate) {
  const std::int64_t n = rows * inputs;
  if (n == 0) return {};
  const bool aligned = rows_are_aligned<T>(inputs, {w, dx});
  const LaunchShape shape{.name = "linear_backward_input",
                          .sizes = sizes_of(rows, inputs, outputs),
                          .grid_x = blocks_for(aligned ? n / kWidth<T> : n, kBlock),
                          .block = kBlock};
  runtime::Accesses accesses;
  accesses.read(dy, rows * outputs).read(w, outputs * inputs).read(dx, accumulate ? n : 0).write(dx, n);
  const auto kernel = aligned ? backward_input_kernel<kWidth<T>, T> : backward_input_kernel<1, T>;
  return launch(exec, shape, accesses, kernel, rows, inputs, outputs, dy, w, dx, accumulate);
}

template <typename T>
Status backward_weights(const DeviceExec& exec, std::int64_t rows, std::int64_t inputs, std::int64_t outputs,
                        const T* x, const T* dy, T* dw, T* dbias, bool accumulate_weights,
                        bool accumulate_bias) {
  if (outputs == 0 || (dw == nullptr && dbias == nullptr)) return {};
  const bool aligned = rows_are_aligned<T>(inputs, {x});
  const std::int64_t per_block = kWarp * (aligned ? kWidth<T> : 1);
  const WeightsParams params{rows,
                             inputs,
                             outputs,
                             dw != nullptr ? (inputs + per_block - 1) / per_block : 1,
                             accumulate_weights,
                             accumulate_bias};
  const LaunchShape shape{.name = "linear_backward_weights",
                          .sizes = sizes_of(rows, inputs, outputs),
                          .grid_x = static_cast<std::uint32_t>(outputs * params.tiles),
                          .block = kBlock,
                          .cooperates = true};
  runtime::Accesses accesses;
  accesses.read(x, dw != nullptr ? rows * inputs : 0)
      .read(dy, rows * outputs)
      .read(dw, accumulate_weights ? outputs * inputs : 0)
      .read(dbias, accumulate_bias ? outputs : 0)
      .write(dw, outputs * inputs)
      .write(dbias, outputs);
  const auto kernel = aligned ? backward_weights_kernel<kWidth<T>, T> : backward_weights_kernel<1, T>;
  return launch(exec, shape, accesses, kernel, params, x, dy, dw, dbias);
}

#define MEBM_INSTANTIATE(T)                                                                                  \
  template Status forward<T>(const DeviceExec&, std::int64_t, std::int64_t, std::int64_t, const T*,          \
                             const T*, const T*, T*);                                                        \
  template Status backward_input<T>(const DeviceExec&, std::int64_t, std::int64_t, std::int64_t, const T*,   \
                                    const T*, T*, bool);                                                     \
  template Status backward_weights<T>(const DeviceExec&, std::int64_t, std::int64_t, std::int64_t, const T*, \
                                      const T*, T*, T*, bool, bool);
MEBM_FOR_REAL_TYPES(MEBM_INSTANTIATE)

}  // namespace mebm::kernels::linear::device

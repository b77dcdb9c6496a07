// The gradient of weights and bias. A thread owns the three taps of one (input channel, kernel row) for
// kChannels output channels and sums them over segments of rows; threads of a block, then blocks, are
// combined in a fixed order in fp64.

#include "kernels/compat/cuda.h"
#include "kernels/stem_conv2d/stem_conv2d.h"
#include "kernels/stem_conv2d/stem_tile.h"

namespace mebm::kernels::stem_conv2d::device {
namespace {

constexpr int kSegment = 8;  // pixels of one row a thread takes at a time
constexpr int kBlock = 256;
constexpr int kFinishOutputs = 32, kFinishLanes = kBlock / kFinishOutputs;

// The gradients a block's threads share: `roles` kinds of them, `lanes` threads of each kind.
struct Work {
  int roles, lanes, segments_per_row;
  std::uint32_t segments;
  int outputs;  // weights, then biases
};

Work work_of(const Params& p) {
  Work work;
  work.roles = static_cast<int>(3 * p.in_channels * (p.out_channels / kChannels));
  work.lanes = kBlock / work.roles;
  work.segments_per_row = static_cast<int>((p.width + kSegment - 1) / kSegment);
  work.segments = static_cast<std::uint32_t>(p.images * p.height * work.segments_per_row);
  work.outputs = static_cast<int>(p.out_channels * (kTaps * p.in_channels + 1));
  return work;
}

int block_count(const DeviceExec& exec, const Work& work) {
  const std::int64_t needed = (std::int64_t{work.segments} + work.lanes - 1) / work.lanes;
  return static_cast<int>(needed < 2 * exec.multiprocessors ? needed : 2 * exec.multiprocessors);
}

// What a thread sums.
struct Role {
  int in_channel, kernel_row, out_channel;

  __device__ __forceinline__ Role(int number, int out) {
    const int vectors = out / kChannels, row = number / vectors;
    out_channel = (number - row * vectors) * kChannels;
    in_channel = row / 3;
    kernel_row = row - 3 * in_channel;
  }
};

// Three rows of sums for the taps; a fourth, of dy itself, with a bias.
template <int kRows, typename T>
__device__ __forceinline__ void add_segment(const Params& params, const Role& role, std::uint32_t row,
                                            int first, const Arithmetic<T>* __restrict__ x,
                                            const T* __restrict__ dy, Arithmetic<T> sum[kRows][kChannels]) {
  using A = Arithmetic<T>;
  const int height = static_cast<int>(params.height), width = static_cast<int>(params.width);
  const std::uint32_t image = row / static_cast<std::uint32_t>(height);
  const int h = static_cast<int>(row - image * static_cast<std::uint32_t>(height)) + role.kernel_row - 1;
  if (h < 0 || h >= height) return;
  const A* const line = x + ((image * params.in_channels + role.in_channel) * height + h) * width;
  A window[kSegment + 2];
  for (int k = 0; k < kSegment + 2; ++k) {
    const int column = first + k - 1;
    window[k] = column >= 0 && column < width ? line[column] : A(0);
  }
  const T* from = dy + (std::int64_t{row} * width + first) * params.out_channels + role.out_channel;
  for (int q = 0; q < kSegment; ++q) {
    A gradient[kChannels] = {};
    if (first + q < width) load_wide<kChannels>(from + q * params.out_channels, gradient);
    for (int c = 0; c < kChannels; ++c) {
      for (int s = 0; s < 3; ++s) sum[s][c] += window[q + s] * gradient[c];
      if constexpr (kRows == 4) sum[3][c] += gradient[c];
    }
  }
}

// Adds one row of every thread's sums over the lanes and leaves them in this block's partial sums.
template <typename A>
__device__ __forceinline__ void combine_lanes(const Params& params, const Work& work, int row,
                                              const A sum[kChannels], A* lane_sums,
                                              double* __restrict__ partial) {
  __syncthreads();
  for (int c = 0; c < kChannels; ++c) lane_sums[c * kBlock + static_cast<int>(threadIdx.x)] = sum[c];
  __syncthreads();
  const int out = static_cast<int>(params.out_channels), in = static_cast<int>(params.in_channels);
  for (int k = static_cast<int>(threadIdx.x); k < kChannels * work.roles; k += kBlock) {
    const int c = k / work.roles, number = k - c * work.roles;
    const Role role(number, out);
    double total = 0;
    for (int lane = 0; lane < work.lanes; ++lane)
      total += static_cast<double>(lane_sums[c * kBlock + lane * work.roles + number]);
    const int o = role.out_channel + c;
    if (row < 3)
      partial[((o * 3 + role.kernel_row) * 3 + row) * in + role.in_channel] = total;
    else if (role.in_channel == 0 && role.kernel_row == 1)  // the row of taps that meets every dy
      partial[kTaps * in * out + o] = total;
  }
}

template <typename T, bool kBias>
__global__ void __launch_bounds__(kBlock)
    partial_kernel(Params params, Work work, const Arithmetic<T>* __restrict__ x, const T* __restrict__ dy,
                   double* __restrict__ partial) {
  using A = Arithmetic<T>;
  constexpr int kRows = kBias ? 4 : 3;
  MEBM_SHARED_ARRAY(A, lane_sums, kChannels * kBlock);
  const int thread = static_cast<int>(threadIdx.x), lane = thread / work.roles;
  const Role role(thread - lane * work.roles, static_cast<int>(params.out_channels));
  A sum[kRows][kChannels] = {};
  if (lane < work.lanes) {
    const std::uint32_t lanes = static_cast<std::uint32_t>(work.lanes),
                        per_row = static_cast<std::uint32_t>(work.segments_per_row);
    for (std::uint32_t segment = blockIdx.x * lanes + static_cast<std::uint32_t>(lane);
         segment < work.segments; segment += gridDim.x * lanes) {
      const std::uint32_t row = segment / per_row;
      add_segment<kRows>(params, role, row, static_cast<int>(segment - row * per_row) * kSegment, x, dy, sum);
    }
  }
  double* const block_partial = partial + std::int64_t{blockIdx.x} * work.outputs;
  // Not a loop: a row number known only at run time would put the sums into local memory.
  combine_lanes(params, work, 0, sum[0], lane_sums, block_partial);
  combine_lanes(params, work, 1, sum[1], lane_sums, block_partial);
  combine_lanes(params, work, 2, sum[2], lane_sums, block_partial);
  if constexpr (kBias) combine_lanes(params, work, 3, sum[3], lane_sums, block_partial);
}

// Outputs over all blocks: kFinishLanes threads each sum every kFinishLanes-th block, then one adds them up.
template <typename A>
__global__ void finish_kernel(int blocks, int stride, int weights, int outputs,
                              const double* __restrict__ partial, bool accumulate_weights,
                              bool accumulate_bias, A* __restrict__ dw, A* __restrict__ dbias) {
  MEBM_SHARED_ARRAY(double, lane_sums, kBlock);
  const int thread = static_cast<int>(threadIdx.x);
  const int column = thread % kFinishOutputs, lane = thread / kFinishOutputs;
  const int output = static_cast<int>(blockIdx.x) * kFinishOutputs + column;
  double total = 0;
  if (output < outputs)
    for (int block = lane; block < blocks; block += kFinishLanes)
      total += partial[std::int64_t{block} * stride + output];
  lane_sums[thread] = total;
  __syncthreads();
  if (lane != 0 || output >= outputs) return;
  for (int other = 1; other < kFinishLanes; ++other) total += lane_sums[other * kFinishOutputs + column];
  A* const to = output < weights ? dw + output : dbias + (output - weights);
  const bool accumulate = output < weights ? accumulate_weights : accumulate_bias;
  *to = (accumulate ? *to : A(0)) + static_cast<A>(total);
}

}  // namespace

std::size_t backward_weights_scratch_bytes(const DeviceExec& exec, const Params& params) {
  const Work work = work_of(params);
  return static_cast<std::size_t>(block_count(exec, work)) * static_cast<std::size_t>(work.outputs) *
         sizeof(double);
}

template <typename T>
Status backward_weights(const DeviceExec& exec, const Params& params, const Arithmetic<T>* x, const T* dy,
                        Arithmetic<T>* dw, Arithmetic<T>* dbias, bool accumulate_weights,
                        bool accumulate_bias, void* scratch) {
  using A = Arithmetic<T>;
  const char* const name = "stem_conv2d backward_weights";
  if (std::string problem = problem_of(name, params); !problem.empty()) return Status(std::move(problem));
  const Work work = work_of(params);
  const int blocks = block_count(exec, work);
  const std::int64_t pixels = params.images * params.height * params.width;
  const std::int64_t weights = params.out_channels * kTaps * params.in_channels;
  auto* const partial = static_cast<double*>(scratch);
  if (blocks > 0) {
    const LaunchShape shape{.name = name,
                            .sizes = sizes_text(params),
                            .grid_x = static_cast<std::uint32_t>(blocks),
                            .block = kBlock,
                            .cooperates = true};
    runtime::Accesses accesses;
    accesses.read(x, pixels * params.in_channels).read(dy, pixels * params.out_channels);
    accesses.write(partial, std::int64_t{blocks} * work.outputs);
    auto* const kernel = dbias != nullptr ? partial_kernel<T, true> : partial_kernel<T, false>;
    if (Status status = launch(exec, shape, accesses, kernel, params, work, x, dy, partial); !status.ok())
      return status;
  }
  const std::int64_t outputs = dbias != nullptr ? work.outputs : weights;
  const LaunchShape shape{.name = "stem_conv2d backward_weights finish",
                          .sizes = sizes_text(params) + ", " + std::to_string(blocks) + " blocks",
                          .grid_x = blocks_for(outputs, kFinishOutputs),
                          .block = kBlock,
                          .cooperates = true};
  runtime::Accesses accesses;
  accesses.read(partial, std::int64_t{blocks} * work.outputs).write(dw, weights);
  accesses.write(dbias, params.out_channels);
  if (accumulate_weights) accesses.read(dw, weights);
  if (accumulate_bias) accesses.read(dbias, params.out_channels);
  return launch(exec, shape, accesses, finish_kernel<A>, blocks, work.outputs, weights, outputs, partial,
                accumulate_weights, accumulate_bias, dw, dbias);
}

#define MEBM_INSTANTIATE(T)                                                                             \
  template Status backward_weights<T>(const DeviceExec&, const Params&, const Arithmetic<T>*, const T*, \
                                      Arithmetic<T>*, Arithmetic<T>*, bool, bool, void*);
MEBM_FOR_DEVICE_TYPES(MEBM_INSTANTIATE)

}  // namespace mebm::kernels::stem_conv2d::device

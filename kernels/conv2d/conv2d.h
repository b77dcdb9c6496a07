#pragma once
// Two-dimensional convolution (cross-correlation, as in PyTorch), square kernel, equal stride and padding in
// both directions, as opaque plans: make one per shape and direction, then execute it on raw pointers.
//
//   forward           y[n,o,p,q] = (accumulate ? y : 0) + bias[o] + sum_{i,r,s} w[o,i,r,s] x[n,i, p t + r -
//   d, q t + s - d] backward_data     dx = gradient of <dy, y> with respect to x; overwritten
//   backward_weights  dw, dbias = gradients with respect to w and bias; overwritten or accumulated
// (t = stride, d = padding.) Feature maps are channel-blocked or plain (kernels/core/exec.h); weights in
// plans are in a private format made by prepare_weights(); weight gradients are plain O,I,kh,kw.
//
// Forward and backward_data do not depend on the number of threads; backward_weights does in fp32.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "kernels/core/exec.h"

namespace mebm::kernels::conv2d {

enum class Direction { forward, backward_data, backward_weights };
enum class Algorithm { automatic, direct, winograd };

struct Params {
  std::int64_t images = 0, in_channels = 0, in_height = 0, in_width = 0;
  std::int64_t out_channels = 0, out_height = 0, out_width = 0;
  std::int64_t kernel = 3, stride = 1, padding = 1;
  Algorithm algorithm = Algorithm::automatic;  // looked at by make_cpu_plan() and make_gemm_plan()
  bool accumulate = false;                     // forward only: y already holds the residual to add to
  bool bias_gradient = false;                  // backward_weights only: dbias is wanted

  bool operator==(const Params&) const = default;
};

// Pointers a direction does not use stay null.
struct Buffers {
  const void* x = nullptr;
  const void* dy = nullptr;
  const void* weights = nullptr;  // prepared
  const void* bias = nullptr;     // may be null in forward
  void* y = nullptr;
  void* dx = nullptr;
  void* dw = nullptr;     // plain
  void* dbias = nullptr;  // may be null
  bool accumulate_weights = false, accumulate_bias = false;
  void* workspace = nullptr;  // workspace_bytes()
};

class Plan {
 public:
  virtual ~Plan() = default;
  // Channel block of x / dx and of y / dy in memory (1, 8 or 16).
  virtual int source_block() const = 0;
  virtual int destination_block() const = 0;
  virtual std::size_t prepared_weight_bytes() const = 0;
  virtual std::size_t workspace_bytes() const = 0;
  virtual const char* algorithm() const = 0;  // "direct", "winograd", "gemm"
  // Names the private weight format: plans of equal number share prepared weights of the same tensor.
  virtual std::uint64_t weight_format() const = 0;
  // plain O,I,kh,kw -> the plan's private format
  virtual void prepare_weights(const void* plain, void* prepared) const = 0;
  // An empty string, or what the library said.
  virtual std::string execute(const Buffers& buffers) const = 0;
};

struct PlanResult {
  std::unique_ptr<Plan> plan;  // null when the combination is unsupported
  std::string error;
};

// fp32: by make_winograd_plan() or make_onednn_plan(), whichever cpu_algorithm() names.
PlanResult make_cpu_plan(const CpuExec& exec, const Params& params, Direction direction, int block);

// winograd or direct. `automatic` takes the faster one by a fixed table (conv2d_choice.cpp), `winograd`
// Winograd wherever there is one.
Algorithm cpu_algorithm(const Params& params, int block);

// fp32 direct convolutions through oneDNN. Blocks give the layout of feature maps whose channels are a
// multiple of the block; others are plain, except that backward_data and backward_weights may choose a padded
// block for dx and x (ask source_block()).
PlanResult make_onednn_plan(const CpuExec& exec, const Params& params, Direction direction, int block);

// fp32 Winograd F(4x4, 3x3) with kernel 3, stride 1, padding 1 and channels that are multiples of the block,
// 8 or 16. Memory for weights and workspace must be 64-byte aligned. Forward and backward_data do not depend
// on the number of threads bit by bit, backward_weights does.
PlanResult make_winograd_plan(const CpuExec& exec, const Params& params, Direction direction, int block);
// Empty, or why there is none for these.
std::string winograd_refusal(const Params& params, int block);

// fp64 by im2col and Eigen's matrix product; plain layouts.
PlanResult make_gemm_plan(const CpuExec& exec, const Params& params, Direction direction);

// The channel block this processor's fp32 convolutions want: 16 (AVX-512), 8 (SSE4.1, AVX2) or 1.
int preferred_channel_block();

}  // namespace mebm::kernels::conv2d

#include "kernels/cudnn/plan_timing.h"

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstddef>
#include <random>

#include "kernels/compat/device_memory.h"
#include "kernels/conv2d/conv2d_checks.h"
#include "kernels/core/bfloat16.h"

namespace mebm::kernels::cudnn {
namespace {

using conv2d::Direction;
using conv2d::device::Element;
using runtime::DeviceMemory;

constexpr std::size_t kMaxWorkspace = std::size_t{1} << 30;
constexpr int kRunsPerGraph = 4;
constexpr std::size_t kGraphLaunches = 5;
constexpr float kHopeless = 1.3F;  // a first launch slower than this times the best median ends a candidate

Status check_cuda(cudaError_t error, const char* call) {
  if (error == cudaSuccess) return {};
  (void)cudaGetLastError();
  std::string text = std::string(call) + ": " + cudaGetErrorName(error) + ": " + cudaGetErrorString(error);
  return error == cudaErrorMemoryAllocation ? Status::out_of_memory(std::move(text))
                                            : Status(std::move(text));
}

class TimingEvent {
 public:
  TimingEvent() : status_(check_cuda(cudaEventCreate(&event_), "cudaEventCreate()")) {}
  ~TimingEvent() {
    if (event_ != nullptr) (void)cudaEventDestroy(event_);
  }
  TimingEvent(const TimingEvent&) = delete;
  TimingEvent& operator=(const TimingEvent&) = delete;
  Status record(runtime::Stream* stream) {
    if (!status_.ok()) return status_;
    return check_cuda(cudaEventRecord(event_, reinterpret_cast<cudaStream_t>(stream)), "cudaEventRecord()");
  }
  cudaEvent_t get() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
  Status status_;
};

class CapturedGraph {
 public:
  CapturedGraph() = default;
  CapturedGraph(const CapturedGraph&) = delete;
  CapturedGraph& operator=(const CapturedGraph&) = delete;
  ~CapturedGraph() {
    if (graph_ != nullptr) runtime::destroy(graph_);
  }
  runtime::Graph*& slot() { return graph_; }

 private:
  runtime::Graph* graph_ = nullptr;
};

// Values in [-1, 1): constant operands would let the chip run faster than real ones do.
std::vector<std::byte> random_block(Element element, std::size_t bytes) {
  std::vector<std::byte> block(bytes);
  std::minstd_rand generator(1);
  std::uniform_real_distribution<float> uniform(-1, 1);
  const std::size_t size = conv2d::device::bytes_of(element);
  for (std::size_t at = 0; at + size <= bytes; at += size) {
    const float value = uniform(generator);
    const bfloat16 rounded = to_bfloat16(value);
    std::memcpy(&block[at], element == Element::bf16 ? static_cast<const void*>(&rounded) : &value, size);
  }
  return block;
}

// The tensors of a convolution in device memory, and one workspace.
class Operands {
 public:
  Status allocate(const DeviceExec& exec, const Convolution& c, std::size_t workspace_bytes) {
    using conv2d::device::x_elements, conv2d::device::y_elements, conv2d::device::weight_elements;
    const std::pair<Tensor, std::int64_t> tensors[] = {{Tensor::x, x_elements(c.params)},
                                                       {Tensor::weights, weight_elements(c.params)},
                                                       {Tensor::y, y_elements(c.params)},
                                                       {Tensor::bias, c.params.out_channels},
                                                       {Tensor::residual, y_elements(c.params)}};
    const bool accumulates = c.epilogue && c.params.accumulate;
    for (const auto& [tensor, elements] : tensors) {
      if ((tensor == Tensor::bias && !c.epilogue) || (tensor == Tensor::residual && !accumulates)) continue;
      const std::size_t bytes = static_cast<std::size_t>(elements) * conv2d::device::bytes_of(c.element);
      memory_.emplace_back();
      if (Status status = DeviceMemory::make(bytes, memory_.back()); !status.ok()) return status;
      if (Status status = fill(exec, c.element, memory_.back().get(), bytes); !status.ok()) return status;
      bindings_.emplace_back(tensor, memory_.back().get());
    }
    return DeviceMemory::make(workspace_bytes, workspace_);
  }
  Status run(cudnnHandle_t handle, const BuiltPlan& plan) const {
    return execute(handle, plan, bindings_, workspace_.get());
  }

 private:
  // Random values in the first block; the rest is copied from what is filled already.
  static Status fill(const DeviceExec& exec, Element element, void* memory, std::size_t bytes) {
    const std::vector<std::byte> block = random_block(element, std::min<std::size_t>(bytes, 1 << 20));
    std::size_t filled = block.size();
    if (Status status = runtime::copy(exec.stream, runtime::Copy::to_device, memory, block.data(), filled);
        !status.ok())
      return status;
    while (filled < bytes) {
      const std::size_t next = std::min(filled, bytes - filled);
      if (Status status = runtime::copy(exec.stream, runtime::Copy::on_device,
                                        static_cast<std::byte*>(memory) + filled, memory, next);
          !status.ok())
        return status;
      filled += next;
    }
    return runtime::synchronize(exec.stream);
  }

  std::vector<DeviceMemory> memory_;
  std::vector<Binding> bindings_;
  DeviceMemory workspace_;
};

Status capture(cudnnHandle_t handle, const DeviceExec& exec, const Operands& operands, const BuiltPlan& plan,
               runtime::Graph*& graph) {
  if (Status status = runtime::begin_capture(exec.stream); !status.ok()) return status;
  Status run;
  for (int i = 0; i < kRunsPerGraph && run.ok(); ++i) run = operands.run(handle, plan);
  Status ended = runtime::end_capture(exec.stream, graph);
  return run.ok() ? ended : run;
}

// Milliseconds of one launch.
Status time_launch(const DeviceExec& exec, runtime::Graph* graph, float& milliseconds) {
  TimingEvent begin, end;
  if (Status status = begin.record(exec.stream); !status.ok()) return status;
  if (Status status = runtime::launch(graph, exec.stream); !status.ok()) return status;
  if (Status status = end.record(exec.stream); !status.ok()) return status;
  if (Status status = runtime::synchronize(exec.stream); !status.ok()) return status;
  return check_cuda(cudaEventElapsedTime(&milliseconds, begin.get(), end.get()), "cudaEventElapsedTime()");
}

// The median of the launches, or the first launch where that is hopeless against `best` (negative: none yet).
Status time_graph(const DeviceExec& exec, runtime::Graph* graph, float best, float& milliseconds) {
  std::vector<float> samples;
  for (std::size_t i = 0; i <= kGraphLaunches; ++i) {
    float sample = 0;
    if (Status status = time_launch(exec, graph, sample); !status.ok()) return status;
    if (i == 0 && best >= 0 && sample > kHopeless * best) {
      milliseconds = sample;
      return {};
    }
    if (i > 0) samples.push_back(sample);
  }
  std::nth_element(samples.begin(), samples.begin() + kGraphLaunches / 2, samples.end());
  milliseconds = samples[kGraphLaunches / 2];
  return {};
}

std::size_t largest_workspace(const std::vector<BuiltPlan>& plans) {
  std::size_t bytes = 0;
  for (const BuiltPlan& plan : plans) bytes = std::max(bytes, plan.workspace_bytes);
  return bytes;
}

Status build_all(const Target& target, const Convolution& convolution, std::vector<BuiltPlan>& plans) {
  Graph graph;
  std::vector<Descriptor> found;
  if (Status status = make_graph(target, convolution, graph); !status.ok()) return status;
  if (Status status = candidates(target, graph, convolution.element, found); !status.ok()) return status;
  Status last("cuDNN offers no deterministic engine of this precision");
  for (const Descriptor& candidate : found) {
    BuiltPlan plan;
    Status status = build(target, candidate, plan);
    if (status.ok() && plan.workspace_bytes <= kMaxWorkspace)
      plans.push_back(std::move(plan));
    else
      last = status.ok() ? Status("every plan wants more than 1 GiB of workspace") : status;
  }
  return plans.empty() ? last : Status();
}

}  // namespace

Status find_fastest(cudnnHandle_t handle, const DeviceExec& exec, const Convolution& convolution,
                    BuiltPlan& fastest) {
  std::vector<BuiltPlan> plans;
  if (Status status = build_all({handle, nullptr}, convolution, plans); !status.ok()) return status;
  Operands operands;
  if (Status status = operands.allocate(exec, convolution, largest_workspace(plans)); !status.ok())
    return status;
  if (Status status =
          check(cudnnSetStream(handle, reinterpret_cast<cudaStream_t>(exec.stream)), "cudnnSetStream()");
      !status.ok())
    return status;
  Status last;
  float best = -1;
  for (BuiltPlan& plan : plans) {
    last = operands.run(handle, plan);  // loads its kernels, which a capture must not
    if (!last.ok()) continue;
    if (Status status = runtime::synchronize(exec.stream); !status.ok()) return status;
    CapturedGraph graph;
    last = capture(handle, exec, operands, plan, graph.slot());
    if (!last.ok()) continue;
    float milliseconds = 0;
    if (Status status = time_graph(exec, graph.slot(), best, milliseconds); !status.ok()) return status;
    if (best >= 0 && milliseconds >= best) continue;
    best = milliseconds;
    fastest = std::move(plan);
  }
  return best >= 0 ? Status() : last.of("none of " + std::to_string(plans.size()) + " plans ran; the last");
}

}  // namespace mebm::kernels::cudnn

// Convolution plans through cuDNN's graph API (kernels/cudnn).

#include <cuda_runtime_api.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "kernels/compat/device_memory.h"
#include "kernels/conv2d/conv2d_checks.h"
#include "kernels/cudnn/convolution_plan.h"
#include "kernels/cudnn/plan_store.h"
#include "kernels/cudnn/plan_timing.h"

namespace mebm::kernels::conv2d::device {
namespace {

using cudnn::Binding;
using cudnn::BuiltPlan;
using cudnn::Convolution;
using cudnn::Handle;
using cudnn::Tensor;
using runtime::DeviceMemory;

// The graphs a plan may have to run: without bias (unless a residual is added) and, forward, with one.
std::vector<Convolution> variants(const Params& params, Direction direction, Element element) {
  const bool forward = direction == Direction::forward;
  std::vector<Convolution> out;
  if (!forward || !params.accumulate) out.push_back({params, direction, element, false});
  if (forward) out.push_back({params, direction, element, true});
  return out;
}

// Memory the library only reads: cuDNN's pointers are not const.
void* input(const void* memory) {
  return const_cast<void*>(memory);
}

// In place of a bias the caller does not have.
Status make_zeros(std::size_t bytes, DeviceMemory& zeros) {
  if (Status status = DeviceMemory::make(bytes, zeros); !status.ok()) return status;
  runtime::Stream* stream = nullptr;
  if (Status status = runtime::create_stream(stream); !status.ok()) return status;
  Status status = runtime::fill_bytes(stream, zeros.get(), 0, bytes);
  if (status.ok()) status = runtime::synchronize(stream);
  runtime::destroy(stream);
  return status;
}

class CudnnPlan final : public Plan {
 public:
  struct Parts {
    std::optional<BuiltPlan> plain, with_bias;
    DeviceMemory zeros;  // a bias, where only with_bias can run without one
  };

  CudnnPlan(std::shared_ptr<const Handle> handle, const Convolution& convolution, Parts parts)
      : handle_(std::move(handle)), convolution_(convolution), parts_(std::move(parts)) {}

  std::size_t workspace_bytes() const override {
    return std::max(parts_.plain ? parts_.plain->workspace_bytes : 0,
                    parts_.with_bias ? parts_.with_bias->workspace_bytes : 0);
  }
  std::string description() const override {
    std::string text = "cudnn";
    if (parts_.plain) text.append(" ").append(cudnn::describe(*parts_.plain));
    if (parts_.plain && parts_.with_bias) text.append(";");
    if (parts_.with_bias) text.append(" with bias ").append(cudnn::describe(*parts_.with_bias));
    return text;
  }

  Status execute(const DeviceExec& exec, const Buffers& b) const override {
    Status status(buffers_problem(convolution_.params, convolution_.direction, workspace_bytes(), b));
    if (status.ok()) status = run(exec, b);
    if (status.ok()) return status;
    return status.of(name_of(convolution_.params, convolution_.direction, convolution_.element));
  }

 private:
  Status run(const DeviceExec& exec, const Buffers& b) const {
    if (Status status = cudnn::check(
            cudnnSetStream(handle_->get(), reinterpret_cast<cudaStream_t>(exec.stream)), "cudnnSetStream()");
        !status.ok())
      return status;
    const bool biased = b.bias != nullptr || !parts_.plain;
    return cudnn::execute(handle_->get(), biased ? *parts_.with_bias : *parts_.plain, bindings(b, biased),
                          b.workspace);
  }

  std::vector<Binding> bindings(const Buffers& b, bool biased) const {
    switch (convolution_.direction) {
      case Direction::forward:
        break;
      case Direction::backward_data:
        return {{Tensor::y, input(b.dy)}, {Tensor::weights, input(b.weights)}, {Tensor::x, b.dx}};
      case Direction::backward_weights:
        return {{Tensor::y, input(b.dy)}, {Tensor::x, input(b.x)}, {Tensor::weights, b.dw}};
    }
    std::vector<Binding> out{{Tensor::x, input(b.x)}, {Tensor::weights, input(b.weights)}, {Tensor::y, b.y}};
    if (biased) out.emplace_back(Tensor::bias, b.bias == nullptr ? parts_.zeros.get() : input(b.bias));
    if (convolution_.params.accumulate) out.emplace_back(Tensor::residual, input(b.residual));
    return out;
  }

  std::shared_ptr<const Handle> handle_;
  Convolution convolution_;
  Parts parts_;
};

class CudnnLibrary final : public Library {
 public:
  CudnnLibrary(std::shared_ptr<const Handle> handle, std::string device_name, std::string plans_file,
               cudnn::PlanStore stored)
      : handle_(std::move(handle)),
        device_name_(std::move(device_name)),
        plans_file_(std::move(plans_file)),
        stored_(stored),
        known_(std::move(stored)) {}

  PlanResult make_plan(const Params& params, Direction direction, Element element) override {
    CudnnPlan::Parts parts;
    if (Status status = check(params, direction, element); !status.ok()) return {nullptr, std::move(status)};
    for (const Convolution& convolution : variants(params, direction, element)) {
      BuiltPlan built;
      if (Status status = make(convolution, built); !status.ok())
        return {nullptr, status.of(cudnn::name_of(convolution))};
      (convolution.epilogue ? parts.with_bias : parts.plain) = std::move(built);
    }
    if (!parts.plain) {
      const std::size_t bytes = static_cast<std::size_t>(params.out_channels) * bytes_of(element);
      if (Status status = make_zeros(bytes, parts.zeros); !status.ok())
        return {nullptr, status.of(name_of(params, direction, element))};
    }
    const Convolution convolution{params, direction, element, false};
    return {std::make_unique<CudnnPlan>(handle_, convolution, std::move(parts)), {}};
  }

  Status tune(const DeviceExec& exec, const Params& params, Direction direction, Element element) override {
    if (Status status = check(params, direction, element); !status.ok()) return status;
    for (const Convolution& convolution : variants(params, direction, element)) {
      if (stored_.find(key(convolution)) != nullptr) continue;  // the file's plan comes first
      BuiltPlan fastest;
      if (Status status = cudnn::find_fastest(handle_->get(), exec, convolution, fastest); !status.ok())
        return status.of(cudnn::name_of(convolution) + ", while tuning");
      known_.put(key(convolution), fastest.json);
    }
    return {};
  }

  Status save_plans(const std::string& plans_file) const override { return known_.write(plans_file); }

 private:
  static Status check(const Params& params, Direction direction, Element element) {
    std::string problem = params_problem(params);
    if (problem.empty() && element == Element::fp64)
      problem = "fp64 convolutions run on the CPU and in the emulator only";
    return problem.empty() ? Status() : Status(name_of(params, direction, element) + ": " + problem);
  }

  std::string key(const Convolution& convolution) const {
    return cudnn::name_of(convolution) + ", cuDNN " + std::to_string(cudnnGetVersion()) + ", " + device_name_;
  }

  Status make(const Convolution& convolution, BuiltPlan& built) const {
    const cudnn::Target target{handle_->get(), nullptr};
    if (const std::string* json = known_.find(key(convolution)); json != nullptr) {
      Status status = cudnn::from_json(target, *json, built);
      return status.of("its plan in '" + plans_file_ + "' cannot be made again (delete \"" +
                       key(convolution) + "\" there to choose anew)");
    }
    std::size_t considered = 0;
    return cudnn::build_first(target, convolution, built, considered);
  }

  std::shared_ptr<const Handle> handle_;
  std::string device_name_, plans_file_;
  cudnn::PlanStore stored_, known_;  // as read; with what was tuned
};

}  // namespace

LibraryResult make_library(const std::string& plans_file) {
  int count = 0, device = 0;
  if (Status status = runtime::device_count(count); !status.ok()) return {nullptr, std::move(status)};
  if (const cudaError_t error = cudaGetDevice(&device); error != cudaSuccess)
    return {nullptr, Status(std::string("cudaGetDevice(): ") + cudaGetErrorString(error))};
  runtime::DeviceProperties properties;
  if (Status status = runtime::device_properties(device, properties); !status.ok())
    return {nullptr, std::move(status)};
  std::unique_ptr<Handle> handle;
  if (Status status = Handle::make(handle); !status.ok()) return {nullptr, std::move(status)};
  cudnn::PlanStore stored;
  if (Status status = stored.read(plans_file); !status.ok()) return {nullptr, std::move(status)};
  return {std::make_unique<CudnnLibrary>(std::move(handle), properties.name, plans_file, std::move(stored)),
          {}};
}

}  // namespace mebm::kernels::conv2d::device

#pragma once
// Convolution plans on a device: cuDNN on a GPU, host mathematics in the emulator. Feature maps are
// channels-last, weights O,kh,kw,I (both of type Element); mathematics as in conv2d.h.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "kernels/conv2d/conv2d.h"
#include "kernels/core/device_exec.h"

namespace mebm::kernels::conv2d::device {

// bf16: bf16 storage, fp32 accumulation. tf32: fp32 storage, tf32 products. fp64: emulator only.
enum class Element { bf16, tf32, fp32, fp64 };

struct Buffers {
  const void* x = nullptr;
  const void* dy = nullptr;
  const void* weights = nullptr;
  const void* bias = nullptr;      // forward, of the element type; null: none
  const void* residual = nullptr;  // forward with accumulate: y = residual + ...; must not alias y
  void* y = nullptr;
  void* dx = nullptr;
  void* dw = nullptr;
  void* workspace = nullptr;  // workspace_bytes(), aligned to 256 bytes
};

class Plan {
 public:
  virtual ~Plan() = default;
  virtual std::size_t workspace_bytes() const = 0;
  // "cudnn engine 37 knobs ...", for logs; "host".
  virtual std::string description() const = 0;
  // forward writes y; backward_data overwrites dx; backward_weights overwrites dw (bias gradients:
  // kernels/channel_bias). Deterministic.
  virtual Status execute(const DeviceExec& exec, const Buffers& buffers) const = 0;
};

struct PlanResult {
  std::unique_ptr<Plan> plan;  // null: `status` names the convolution and what the library said
  Status status;
};

// Makes plans, in order of preference: the plan stored for (shape, direction, element, library version, GPU)
// in `plans_file` (JSON), a measured choice (tune()), the library's heuristic order.
class Library {
 public:
  virtual ~Library() = default;
  virtual PlanResult make_plan(const Params& params, Direction direction, Element element) = 0;
  // Times every plan the heuristics offer on the device and remembers the fastest; memory for it is
  // allocated and freed inside. Nothing to do in the emulator.
  virtual Status tune(const DeviceExec& exec, const Params& params, Direction direction, Element element) = 0;
  // Writes what was tuned; reading happens when the library is made.
  virtual Status save_plans(const std::string& plans_file) const = 0;
};

struct LibraryResult {
  std::unique_ptr<Library> library;
  Status status;
};
// plans_file may be empty or not exist yet.
LibraryResult make_library(const std::string& plans_file);

}  // namespace mebm::kernels::conv2d::device

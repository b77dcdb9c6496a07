#pragma once
// A GPU (or its emulation) as the engine uses it: memory, the main stream and a side stream for work that may
// run beside it, libraries, convolution plans, uploads. One per Context.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/core/tensor.h"
#include "engine/device/deferred_reads.h"
#include "kernels/conv2d/conv2d_device.h"
#include "kernels/core/device_exec.h"
#include "kernels/gemm/gemm.h"

namespace mebm::engine {

// Throws Error with what the runtime or library said; OutOfMemory, with what to do about it, where that was
// it.
void check(const kernels::Status& status);

// Whether the machine's first device is one that this build can use.
bool device_available();

class Accelerator {
 public:
  // `index` as in cuda:<index>; plans_file: tuned convolution plans (may be empty). tf32: fp32 convolutions
  // multiply in tf32. Throws InputError where there is no such device or where it, its
  // driver or a library cannot be used.
  Accelerator(int index, const std::string& plans_file, bool tf32);
  ~Accelerator();
  Accelerator(const Accelerator&) = delete;
  Accelerator& operator=(const Accelerator&) = delete;

  Memory& memory();
  const kernels::DeviceExec& exec() const { return active_; }
  const kernels::runtime::DeviceProperties& properties() const { return properties_; }
  kernels::gemm::Library& gemm() { return *gemm_; }
  void synchronize();

  // Made once per shape, direction and element type; with a plans file, the fastest on this device.
  const kernels::conv2d::device::Plan& plan(const kernels::conv2d::Params& params,
                                            kernels::conv2d::Direction direction, DType dtype);
  std::size_t plan_count() const { return plans_.size(); }
  // Writes the plans that were tuned to the file this was made with.
  void save_plans() const;

  // Copies host bytes to device memory in stream order; the host may reuse its bytes at once. Not inside a
  // capture: what a captured iteration reads is uploaded before it is launched.
  void upload(void* to, const void* from, std::size_t bytes);
  // For DeferredReads: pinned memory that copies of `bytes` device bytes arrive in.
  std::unique_ptr<HostRead> make_host_read(std::size_t bytes);
  // A device copy of a small host array that launchers read (lists of tensors); kept, found again by content.
  const void* table(const void* bytes, std::size_t size);

  // Work enqueued by `work` runs beside later work of the main stream, after all earlier work; join() makes
  // the main stream wait for it. Kernels get the side stream's exec() meanwhile. Memory that the work uses
  // must not go to anybody else before the streams have joined: keep() every tensor it touches.
  void on_side(const std::function<void()>& work);
  void keep(const Tensor& tensor) { kept_.push_back(tensor); }
  void join();

  // Records what is enqueued between the two instead of running it; nothing may be allocated or waited for.
  void begin_capture();
  kernels::runtime::Graph* end_capture();
  // Ends a capture that failed; what was recorded, or null.
  kernels::runtime::Graph* abandon_capture() noexcept;
  void launch(kernels::runtime::Graph* graph);
  // Safe to call with a null graph.
  static void release(kernels::runtime::Graph* graph) noexcept;
  static std::size_t node_count(const kernels::runtime::Graph* graph);

 private:
  struct DeviceMemory;
  struct Staging;
  class PinnedRead;

  Accelerator(const std::string& plans_file, bool tf32);
  kernels::Status make_exec(kernels::DeviceExec& exec);
  kernels::Status make_libraries();

  std::unique_ptr<DeviceMemory> memory_;
  kernels::runtime::DeviceProperties properties_;
  kernels::DeviceExec main_, side_, active_;
  std::vector<void*> owned_;  // device memory released with this
  kernels::runtime::Event *fork_ = nullptr, *joined_ = nullptr;
  bool side_pending_ = false;
  std::vector<Tensor> kept_;
  bool tf32_;
  std::string plans_file_;
  std::unique_ptr<kernels::gemm::Library> gemm_;
  std::unique_ptr<kernels::conv2d::device::Library> convolutions_;
  std::map<std::string, std::unique_ptr<kernels::conv2d::device::Plan>> plans_;
  std::map<std::string, void*> tables_;
  std::unique_ptr<Staging> staging_;
};

}  // namespace mebm::engine

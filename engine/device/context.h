#pragma once
// Everything a computation needs besides its tensors: the device, its memory, its threads and its caches of
// convolution plans and prepared weights. One per run; not thread-safe. Tensors must not outlive it.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "engine/core/arena.h"
#include "engine/core/tensor.h"
#include "engine/device/convolution_call.h"
#include "engine/device/device.h"
#include "kernels/core/exec.h"

namespace mebm::engine {

class Accelerator;
class ConvolutionCache;

// Of fp32 convolutions on the CPU; automatic takes the faster by a fixed table.
enum class ConvolutionChoice { automatic, direct, winograd };

struct ContextOptions {
  Device device = {};
  int threads = 1;
  std::size_t memory_limit = 0;  // bytes; 0: none
  // Direct convolutions round least: what else is compared with. Runs choose by run.convolution.
  ConvolutionChoice convolution = ConvolutionChoice::direct;
  // Feature maps and convolution weights of an fp32 run in bf16, on a device (statistics, master weights and
  // chain states stay fp32).
  bool bf16_features = false;
  bool tf32 = false;            // fp32 convolutions of a device multiply in tf32
  std::string plans_file = {};  // tuned convolution plans of a device; empty: none
};

class Context {
 public:
  explicit Context(const ContextOptions& options = {});
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const Device& device() const { return options_.device; }
  int threads() const { return options_.threads; }
  ConvolutionChoice convolution() const { return options_.convolution; }
  kernels::CpuExec exec() const { return {options_.threads}; }
  Arena& arena() { return *active_arena_; }
  // For what is kept beyond the work it was made in.
  Arena& lasting_arena() { return *arena_; }
  ConvolutionCache& convolutions() { return *convolutions_; }

  bool on_device() const { return accelerator_ != nullptr; }
  Accelerator& accelerator() const { return *accelerator_; }

  // Called for every convolution an op is asked for, before it runs; an empty function ends it. A launched
  // graph asks for none.
  void observe_convolutions(ConvolutionObserver observer) { observer_ = std::move(observer); }
  const ConvolutionObserver& convolution_observer() const { return observer_; }

  // Writes the convolution plans that were tuned on a device to the options' plans_file; nothing on the CPU.
  void save_plans() const;

  // The layout feature maps of `channels` channels have on this device, the layout of convolution weights,
  // and the element type of the feature maps of a run of type `dtype`.
  Layout feature_layout(std::int64_t channels, DType dtype) const;
  Layout weight_layout() const { return on_device() ? Layout::channels_last : Layout::plain; }
  DType feature_type(DType dtype) const;

  Tensor empty(const Shape& shape, DType dtype, Layout layout = Layout::plain) {
    return Tensor(*active_arena_, shape, dtype, layout);
  }

  // Another arena of the same memory, and its use while a UseArena lives.
  std::unique_ptr<Arena> make_arena() const;
  class UseArena {
   public:
    UseArena(Context& context, Arena& arena) : context_(context), before_(context.active_arena_) {
      context.active_arena_ = &arena;
    }
    ~UseArena() { context_.active_arena_ = before_; }
    UseArena(const UseArena&) = delete;
    UseArena& operator=(const UseArena&) = delete;

   private:
    Context& context_;
    Arena* before_;
  };

 private:
  ContextOptions options_;
  std::unique_ptr<Accelerator> accelerator_;  // null on the CPU; before the arena, whose memory it is
  std::unique_ptr<Arena> arena_;
  Arena* active_arena_;
  int channel_block_;
  ConvolutionObserver observer_;
  std::unique_ptr<ConvolutionCache> convolutions_;  // after arena_: it holds tensors
};

}  // namespace mebm::engine

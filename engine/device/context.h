#pragma once
// Everything a computation needs besides its tensors: the device, its memory, its threads and its caches of
// convolution plans and prepared weights. One per run; not thread-safe. Tensors must not outlive it.

#include <cstdint>
#include <memory>
#include <string>

#include "engine/core/arena.h"
#include "engine/core/tensor.h"
#include "engine/device/device.h"
#include "kernels/core/exec.h"

namespace mebm::engine {

class ConvolutionCache;

enum class ConvolutionChoice { automatic, winograd };

struct ContextOptions {
  Device device = {};
  int threads = 1;
  std::size_t memory_limit = 0;  // bytes; 0: none
  ConvolutionChoice convolution = ConvolutionChoice::automatic;
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
  Arena& arena() { return arena_; }
  ConvolutionCache& convolutions() { return *convolutions_; }

  // The layout feature maps of `channels` channels have on this device.
  Layout feature_layout(std::int64_t channels, DType dtype) const;

  Tensor empty(const Shape& shape, DType dtype, Layout layout = Layout::plain) {
    return Tensor(arena_, shape, dtype, layout);
  }

 private:
  ContextOptions options_;
  Arena arena_;
  int channel_block_;
  std::unique_ptr<ConvolutionCache> convolutions_;  // after arena_: it holds tensors
};

}  // namespace mebm::engine

#pragma once
// What every device launcher needs to know about where it runs, and the memory pictures it works on.

#include <cstdint>

#include "kernels/compat/runtime.h"

namespace mebm::kernels {

struct DeviceExec {
  // Counters for kernels whose last block combines what the others left: at least kCounters, device memory
  // of this stream alone, all zero before and after every kernel.
  static constexpr int kCounters = 4096;

  runtime::Stream* stream = nullptr;
  int multiprocessors = 1;  // sizes the grids of kernels that loop over their work
  std::uint32_t* counters = nullptr;
};

// A device feature map: [images][pixels][channels] (N,H,W,C).
struct ChannelsLast {
  std::int64_t images = 0, pixels = 0, channels = 0;

  std::int64_t rows() const { return images * pixels; }
  std::int64_t elements() const { return images * pixels * channels; }
};

}  // namespace mebm::kernels

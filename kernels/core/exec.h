#pragma once
// What every CPU kernel needs to know about where it runs.

#include <cstdint>

namespace mebm::kernels {

struct CpuExec {
  int threads = 1;  // OpenMP threads; results do not depend on it unless a contract says so
};

// A feature map in memory: [images][ceil(channels / block)][pixels][block]; block 1 is plain N,C,H,W.
struct FeatureMap {
  std::int64_t images = 0, channels = 0, pixels = 0;
  int block = 1;

  std::int64_t channel_blocks() const { return (channels + block - 1) / block; }
  std::int64_t elements() const { return images * channel_blocks() * block * pixels; }
  std::int64_t image_elements() const { return channel_blocks() * block * pixels; }
};

}  // namespace mebm::kernels

#include "engine/device/context.h"

#include <omp.h>

#include "engine/device/convolution_cache.h"

namespace mebm::engine {

Context::Context(const ContextOptions& options)
    : options_(options),
      arena_(options.memory_limit),
      channel_block_(kernels::conv2d::preferred_channel_block()),
      convolutions_(std::make_unique<ConvolutionCache>(*this)) {
  require(options.threads >= 1, "a context needs at least one thread, got {}", options.threads);
  // oneDNN sizes its primitives by OpenMP's current maximum.
  omp_set_num_threads(options.threads);
}

Context::~Context() = default;

Layout Context::feature_layout(std::int64_t channels, DType dtype) const {
  if (dtype != DType::fp32 || channels % channel_block_ != 0) return Layout::plain;
  return layout_of_block(channel_block_);
}

}  // namespace mebm::engine

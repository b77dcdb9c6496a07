#include "engine/device/context.h"

#include <omp.h>

#include "engine/device/accelerator.h"
#include "engine/device/convolution_cache.h"

namespace mebm::engine {
namespace {

// Small enough that several arenas share a GPU, large enough that reserving is rare.
constexpr std::size_t kDeviceChunkBytes = std::size_t{64} << 20;
constexpr std::size_t kDeviceAlignment = 256;  // what convolution workspaces want
constexpr std::size_t kEmulatedChunkBytes = std::size_t{1} << 20;

std::unique_ptr<Accelerator> make_accelerator(const ContextOptions& options) {
  if (options.device.kind == DeviceKind::cpu) {
    require(!options.bf16_features, "bf16 feature maps are not available on the CPU");
    return nullptr;
  }
  return std::make_unique<Accelerator>(options.device.index, options.plans_file, options.tf32);
}

}  // namespace

Context::Context(const ContextOptions& options)
    : options_(options),
      accelerator_(make_accelerator(options)),
      arena_(make_arena()),
      active_arena_(arena_.get()),
      channel_block_(kernels::conv2d::preferred_channel_block()),
      convolutions_(std::make_unique<ConvolutionCache>(*this)) {
  require(options.threads >= 1, "a context needs at least one thread, got {}", options.threads);
  // oneDNN sizes its primitives by OpenMP's current maximum.
  omp_set_num_threads(options.threads);
}

Context::~Context() = default;

std::unique_ptr<Arena> Context::make_arena() const {
  if (!on_device()) return std::make_unique<Arena>(options_.memory_limit);
  const bool emulated = accelerator_->properties().major == 0;
  return std::make_unique<Arena>(accelerator_->memory(), options_.memory_limit,
                                 emulated ? kEmulatedChunkBytes : kDeviceChunkBytes, kDeviceAlignment);
}

void Context::save_plans() const {
  if (on_device()) accelerator_->save_plans();
}

Layout Context::feature_layout(std::int64_t channels, DType dtype) const {
  if (on_device()) return Layout::channels_last;
  if (dtype != DType::fp32 || channels % channel_block_ != 0) return Layout::plain;
  return layout_of_block(channel_block_);
}

DType Context::feature_type(DType dtype) const {
  return options_.bf16_features && dtype == DType::fp32 ? DType::bf16 : dtype;
}

}  // namespace mebm::engine

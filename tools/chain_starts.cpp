#include "tools/chain_starts.h"

#include "data/streams.h"
#include "ebm/chain_batches.h"
#include "engine/core/error.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/sampling.h"

namespace mebm::tools {

using engine::fail_input;
using engine::RandomPurpose;
using engine::Tensor;
namespace ops = engine::ops;

namespace {

std::unique_ptr<ebm::InitialDistribution> gaussian_start(const StartOptions& options,
                                                         const StoredModel& model, Runtime& runtime) {
  const std::string file = options.initial_distribution.value_or(model.reader.path().string());
  const ebm::ImageShape wanted = model.image_shape();
  // The factor as read (fp64) and as drawn with.
  const double elements = static_cast<double>(wanted.elements());
  require_memory(fmt::format("{}: the initial distribution", file), elements * elements * 16,
                 "use --init uniform or --init-images");
  std::unique_ptr<ebm::InitialDistribution> initial;
  if (options.initial_distribution)
    initial = ebm::read_initial_distribution(file, runtime.context, runtime.dtype, wanted);
  else if (model.reader.has_initial_distribution())
    initial = model.reader.initial_distribution(runtime.context, runtime.dtype);
  else
    fail_input(
        "{}: holds no initial distribution; make one with 'mebm_engine fit-init --data DIR --out init.h5' "
        "and "
        "give --initial-distribution init.h5, or use --init uniform",
        file);
  const ebm::ImageShape found = initial->image_shape();
  if (found != wanted)
    fail_input("{}: the initial distribution is for images of {}x{}x{}, the model takes {}x{}x{}", file,
               found.channels, found.height, found.width, wanted.channels, wanted.height, wanted.width);
  return initial;
}

}  // namespace

ChainStarts::ChainStarts(const StartOptions& options, const StoredModel& model, Runtime& runtime)
    : runtime_(runtime), shape_(model.image_shape()), noise_(options.noise_images.value_or(0)) {
  if (options.mask) mask_.emplace(*options.mask, shape_, runtime.key);
  if (options.init_images)
    images_.emplace(ImageSource{"--init-images", *options.init_images, "images", data::Split::train, true},
                    model.network_config());
  if (images_ && (!mask_ || noise_ > 0)) return;
  if (options.init == "buffer")
    load_buffer(model);
  else if (options.init == "uniform")
    initial_ = std::make_unique<ebm::UniformInitialDistribution>(runtime.context, shape_);
  else
    initial_ = gaussian_start(options, model, runtime);
}

void ChainStarts::load_buffer(const StoredModel& model) {
  const std::string file = model.reader.path().string();
  if (!model.reader.has_buffer())
    fail_input("{}: holds no replay buffer; use --init p0 or --init uniform", file);
  const std::int64_t size = model.reader.buffer_size();
  if (size < 1) fail_input("{}: its replay buffer is empty; use --init p0 or --init uniform", file);
  require_memory(fmt::format("{}: its replay buffer", file),
                 static_cast<double>(size) * static_cast<double>(shape_.elements()) *
                     static_cast<double>(size_of(runtime_.dtype)),
                 "use --init p0 or --init uniform");
  buffer_.emplace(runtime_.context, size, shape_, runtime_.dtype);
  model.reader.load_buffer(*buffer_);
}

std::optional<std::int64_t> ChainStarts::available() const {
  return images_ ? std::optional(images_->count()) : std::nullopt;
}

void ChainStarts::require_masks_for(std::int64_t count) const {
  if (mask_) mask_->require_for(count);
}

Tensor ChainStarts::given(std::int64_t first, std::int64_t count) {
  return images_->rows(runtime_, first, count);
}

Tensor ChainStarts::noisy(std::int64_t first, std::int64_t count) {
  Tensor out = given(first, count);
  if (noise_ == 0) return out;
  Tensor noise = runtime_.context.empty(out.shape(), out.dtype());
  ops::fill_normal(runtime_.context, runtime_.key, RandomPurpose::data_noise, 0, 0,
                   static_cast<std::uint32_t>(first), noise);
  ops::axpby(runtime_.context, noise_, noise, 1, out);
  return out;
}

Tensor ChainStarts::draw_init(std::int64_t first, std::int64_t count) {
  return buffer_ ? draw_buffer(first, count)
                 : ebm::draw_starts(runtime_.context, *initial_, runtime_.key, first, count, runtime_.dtype);
}

Tensor ChainStarts::draw(std::int64_t first, std::int64_t count) {
  if (!images_) return draw_init(first, count);
  Tensor start = mask_ && noise_ == 0 ? draw_init(first, count) : noisy(first, count);
  kept(first, count).put_back(runtime_.context, start);
  return start;
}

ebm::KeptPixels ChainStarts::kept(std::int64_t first, std::int64_t count) {
  if (!mask_) return {};
  ebm::KeptPixels pixels;
  std::vector<double> free = mask_->values(first, count), values(free.size());
  ops::read(given(first, count), values);
  for (std::size_t i = 0; i < free.size(); ++i)
    if (free[i] != 0) values[i] = 0;
  pixels.free = runtime_.context.empty({count, shape_.channels, shape_.height, shape_.width}, runtime_.dtype);
  pixels.values = runtime_.context.empty(pixels.free.shape(), runtime_.dtype);
  ops::write(free, pixels.free);
  ops::write(values, pixels.values);
  return pixels;
}

Tensor ChainStarts::degraded(std::int64_t first, std::int64_t count) {
  return mask_ && noise_ == 0 ? kept(first, count).values : draw(first, count);
}

Tensor ChainStarts::draw_buffer(std::int64_t first, std::int64_t count) {
  Tensor out = runtime_.context.empty({count, shape_.channels, shape_.height, shape_.width}, runtime_.dtype);
  ebm::ReplayBuffer& buffer = *buffer_;
  std::vector<std::int64_t> order;
  std::int64_t pass_of_order = -1;
  for (std::int64_t c = first; c < first + count; ++c) {
    const std::int64_t pass = c / buffer.size();
    if (pass != pass_of_order)
      order = data::keyed_permutation(buffer.size(), runtime_.key, RandomPurpose::sample_fill,
                                      static_cast<std::uint32_t>(pass));
    pass_of_order = pass;
    Tensor to = out.rows(c - first, 1);
    const std::int64_t row = order[static_cast<std::size_t>(c % buffer.size())];
    ops::copy(runtime_.context, buffer.images().rows(row, 1), to, engine::WriteMode::overwrite);
  }
  return out;
}

}  // namespace mebm::tools

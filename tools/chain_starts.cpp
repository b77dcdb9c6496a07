#include "tools/chain_starts.h"

#include <numeric>

#include "data/streams.h"
#include "engine/core/error.h"
#include "engine/ops/elementwise.h"

namespace mebm::tools {

using engine::fail_input;
using engine::RandomPurpose;

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
    : runtime_(runtime), shape_(model.image_shape()) {
  if (options.init_images)
    images_.emplace(ImageSource{"--init-images", *options.init_images, "images", data::Split::train, true},
                    model.network_config());
  else if (options.init == "buffer")
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

engine::Tensor ChainStarts::draw(std::int64_t first, std::int64_t count) {
  if (images_) return images_->rows(runtime_, first, count);
  if (buffer_) return draw_buffer(first, count);
  std::vector<std::uint32_t> slots(static_cast<std::size_t>(count));
  std::iota(slots.begin(), slots.end(), static_cast<std::uint32_t>(first));
  engine::Tensor out =
      runtime_.context.empty({count, shape_.channels, shape_.height, shape_.width}, runtime_.dtype);
  initial_->draw({runtime_.key, RandomPurpose::sample_fill, 0}, slots, true, out);
  return out;
}

engine::Tensor ChainStarts::draw_buffer(std::int64_t first, std::int64_t count) {
  engine::Tensor out =
      runtime_.context.empty({count, shape_.channels, shape_.height, shape_.width}, runtime_.dtype);
  ebm::ReplayBuffer& buffer = *buffer_;
  std::vector<std::int64_t> order;
  std::int64_t pass_of_order = -1;
  for (std::int64_t c = first; c < first + count; ++c) {
    const std::int64_t pass = c / buffer.size();
    if (pass != pass_of_order)
      order = data::keyed_permutation(buffer.size(), runtime_.key, RandomPurpose::sample_fill,
                                      static_cast<std::uint32_t>(pass));
    pass_of_order = pass;
    engine::Tensor to = out.rows(c - first, 1);
    const std::int64_t row = order[static_cast<std::size_t>(c % buffer.size())];
    engine::ops::copy(runtime_.context, buffer.images().rows(row, 1), to, engine::WriteMode::overwrite);
  }
  return out;
}

}  // namespace mebm::tools

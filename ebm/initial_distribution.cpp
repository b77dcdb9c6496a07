#include "ebm/initial_distribution.h"

#include <algorithm>

#include "engine/ops/batches.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/gaussian.h"
#include "engine/ops/sampling.h"

namespace mebm::ebm {

using engine::Tensor;
namespace ops = engine::ops;

namespace {

constexpr std::int64_t kFitChunk = 1024;  // images gathered at a time
constexpr std::size_t kDrawChunk = 256;   // draws made at a time: bounds the memory of z

void gather_bytes(const data::ImageSet& images, std::span<const std::int64_t> indices,
                  std::vector<std::uint8_t>& out) {
  const auto size = static_cast<std::size_t>(images.image_size());
  out.resize(indices.size() * size);
  for (std::size_t r = 0; r < indices.size(); ++r)
    std::copy_n(images.pixels.begin() + indices[r] * images.image_size(), size,
                out.begin() + static_cast<std::ptrdiff_t>(r * size));
}

// How many slots from the first on count up by one.
std::size_t consecutive(std::span<const std::uint32_t> slots) {
  std::size_t n = 1;
  while (n < slots.size() && slots[n] == slots[0] + n) ++n;
  return n;
}

template <typename T>
void fill_uniform_rows(const DrawKey& key, std::span<const std::uint32_t> slots, std::int64_t elements,
                       T* out) {
  for (std::size_t r = 0; r < slots.size(); ++r)
    for (std::int64_t i = 0; i < elements; ++i)
      *out++ = static_cast<T>(2 * engine::random_uniform<double>(key.key, key.purpose, key.iteration.value,
                                                                 slots[r], 0, static_cast<std::uint32_t>(i)) -
                              1);
}

void check_out(const Tensor& out, std::size_t rows, const ImageShape& shape) {
  engine::require(out.extent(0) == static_cast<std::int64_t>(rows) &&
                      out.elements() == static_cast<std::int64_t>(rows) * shape.elements(),
                  "initial draw: {} does not hold {} images of {}x{}x{}", out.shape(), rows, shape.channels,
                  shape.height, shape.width);
}

}  // namespace

GaussianMoments fit_gaussian(engine::Context& context, const data::ImageSet& images,
                             std::span<const std::int64_t> indices, double jitter,
                             std::vector<double>* covariance) {
  GaussianMoments moments;
  moments.shape = {images.channels, images.height, images.width};
  moments.count = static_cast<std::int64_t>(indices.size());
  moments.jitter = jitter;
  const std::int64_t d = images.image_size();
  ops::MomentAccumulator accumulator(context, d);
  std::vector<std::uint8_t> bytes;
  std::vector<double> values;
  for (std::int64_t first = 0; first < moments.count; first += kFitChunk) {
    const auto part = indices.subspan(static_cast<std::size_t>(first),
                                      static_cast<std::size_t>(std::min(kFitChunk, moments.count - first)));
    if (!images.pixels.empty()) {
      gather_bytes(images, part, bytes);
      accumulator.add_bytes(bytes);
    } else {
      values.resize(part.size() * static_cast<std::size_t>(d));
      for (std::size_t r = 0; r < part.size(); ++r)
        data::decode(images, part[r], values.data() + static_cast<std::ptrdiff_t>(r) * d);
      accumulator.add_values(values);
    }
  }
  accumulator.finish(moments.mean, moments.factor);
  if (covariance != nullptr) *covariance = moments.factor;
  ops::cholesky(context, d, jitter, moments.factor);
  return moments;
}

GaussianInitialDistribution::GaussianInitialDistribution(engine::Context& context, GaussianMoments moments,
                                                         engine::DType dtype)
    : context_(context), moments_(std::move(moments)) {
  const std::int64_t d = moments_.shape.elements();
  mean_ = context.empty({d}, dtype);
  factor_ = context.empty({d, d}, dtype);
  ops::write(moments_.mean, mean_);
  ops::write(moments_.factor, factor_);
}

void GaussianInitialDistribution::draw(const DrawKey& key, std::span<const std::uint32_t> slots, bool clamp,
                                       Tensor& out) const {
  check_out(out, slots.size(), moments_.shape);
  for (std::size_t first = 0; first < slots.size(); first += kDrawChunk) {
    const std::size_t count = std::min(kDrawChunk, slots.size() - first);
    Tensor z = context_.empty({static_cast<std::int64_t>(count), moments_.shape.elements()}, out.dtype());
    for (std::size_t r = 0; r < count;) {
      const std::size_t run = consecutive(slots.subspan(first + r, count - r));
      Tensor rows = z.rows(static_cast<std::int64_t>(r), static_cast<std::int64_t>(run));
      ops::fill_normal(context_, key.key, key.purpose, key.iteration, 0, slots[first + r], rows);
      r += run;
    }
    Tensor part = out.rows(static_cast<std::int64_t>(first), static_cast<std::int64_t>(count));
    ops::gaussian_draw(context_, mean_, factor_, z, clamp ? 1 : 0, part);
  }
}

void UniformInitialDistribution::draw(const DrawKey& key, std::span<const std::uint32_t> slots, bool,
                                      Tensor& out) const {
  check_out(out, slots.size(), shape_);
  if (context_.on_device()) {
    for (std::size_t r = 0; r < slots.size();) {
      const std::size_t run = consecutive(slots.subspan(r));
      Tensor rows = out.rows(static_cast<std::int64_t>(r), static_cast<std::int64_t>(run));
      ops::fill_uniform(context_, key.key, key.purpose, key.iteration, slots[r], rows);
      r += run;
    }
    return;
  }
  out.bump_version();
  if (out.dtype() == engine::DType::fp64)
    fill_uniform_rows(key, slots, shape_.elements(), out.as<double>());
  else
    fill_uniform_rows(key, slots, shape_.elements(), out.as<float>());
}

}  // namespace mebm::ebm

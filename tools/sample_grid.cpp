#include "tools/sample_grid.h"

#include <algorithm>
#include <numeric>

#include "engine/ops/elementwise.h"

namespace mebm::tools {

using engine::Tensor;

namespace {

constexpr int kGridImages = 64;

std::vector<float> to_floats(const Tensor& images, std::int64_t count) {
  const Tensor rows = images.rows(0, count);
  std::vector<double> values(static_cast<std::size_t>(rows.elements()));
  engine::ops::read(rows, values);
  return {values.begin(), values.end()};
}

}  // namespace

SampleGrid::SampleGrid(engine::Context& context, const ebm::Trainer& trainer, const data::ImageSet& images,
                       std::span<const std::int64_t> indices)
    : channels_(images.channels), height_(images.height), width_(images.width) {
  const auto count = std::min<std::size_t>(kGridImages, indices.size());
  const auto dtype = engine::DType::fp32;
  data_ = to_floats(data::load_images(context, images, indices.first(count), dtype),
                    static_cast<std::int64_t>(count));
  std::vector<std::uint32_t> slots(kGridImages);
  std::iota(slots.begin(), slots.end(), 0u);
  Tensor p0 = context.empty({kGridImages, channels_, height_, width_},
                            trainer.config().run.precision == "fp64" ? engine::DType::fp64 : dtype);
  trainer.initial()->draw(
      {engine::PhiloxKey(trainer.config().run.seed), engine::RandomPurpose::sample_fill, 0}, slots, true, p0);
  p0_ = to_floats(p0, kGridImages);
}

void SampleGrid::write(const std::filesystem::path& path, const Tensor& chains, const Tensor& buffer,
                       std::span<const std::int64_t> taken) const {
  const std::size_t size = static_cast<std::size_t>(channels_ * height_ * width_);
  std::vector<float> values = to_floats(chains, std::min<std::int64_t>(kGridImages, chains.extent(0)));
  for (std::int64_t row = 0; row < buffer.extent(0) && values.size() < kGridImages * size; ++row) {
    if (std::find(taken.begin(), taken.end(), row) != taken.end()) continue;
    const std::vector<float> image = to_floats(buffer.rows(row, 1), 1);
    values.insert(values.end(), image.begin(), image.end());
  }
  const int count = static_cast<int>(std::min({p0_.size(), values.size(), data_.size()}) / size);
  report::write_png(path, report::three_panel(view(p0_, count), view(values, count), view(data_, count)));
}

report::ImagesView SampleGrid::view(const std::vector<float>& values, int count) const {
  return {values.data(), count, channels_, height_, width_};
}

}  // namespace mebm::tools

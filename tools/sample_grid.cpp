#include "tools/sample_grid.h"

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

void SampleGrid::write(const std::filesystem::path& path, const Tensor& chains) const {
  const auto count = std::min<std::int64_t>(kGridImages, chains.extent(0));
  const std::vector<float> values = to_floats(chains, count);
  report::write_png(path, report::three_panel(view(p0_), view(values), view(data_)));
}

report::ImagesView SampleGrid::view(const std::vector<float>& values) const {
  const int size = channels_ * height_ * width_;
  return {values.data(), static_cast<int>(values.size()) / size, channels_, height_, width_};
}

}  // namespace mebm::tools

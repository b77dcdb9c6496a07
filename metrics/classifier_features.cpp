#include "metrics/classifier_features.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/core/error.h"
#include "engine/ops/elementwise.h"

namespace mebm::metrics {

namespace {

constexpr std::int64_t kBatch = 128;

engine::ContextOptions exact(engine::Device device, int threads) {
  engine::ContextOptions options;
  options.device = device;
  options.threads = threads;
  return options;
}

void append_finite(const engine::Tensor& tensor, const char* what, std::int64_t first,
                   std::vector<float>& to) {
  const std::vector<float> values = engine::ops::values<float>(tensor);
  const auto width = static_cast<std::size_t>(tensor.extent(1));
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i]))
      engine::fail_input("{} {} of image {} is {}; the network or the image is broken", what, i % width,
                         first + static_cast<std::int64_t>(i / width), values[i]);
  to.insert(to.end(), values.begin(), values.end());
}

}  // namespace

ClassifierFeatures::ClassifierFeatures(engine::Device device, int threads,
                                       const models::WideResNetConfig& config, std::string label,
                                       std::string digest)
    : label_(std::move(label)),
      digest_(std::move(digest)),
      context_(exact(device, threads)),
      tape_(context_),
      network_(context_, config, engine::DType::fp32, std::nullopt) {
  if (config.num_classes < 2)
    engine::fail_input("{}: has {} classes; features are taken from classifiers of 2 and more", label_,
                       config.num_classes);
}

std::string ClassifierFeatures::name() const {
  const models::WideResNetConfig& c = network_.config();
  return fmt::format("{}, WRN-{}-{}, {} penultimate features, running statistics, {}x{}x{} at v/127.5-1",
                     label_, c.depth, c.width, c.feature_count(), c.in_channels, c.image_size, c.image_size);
}

Features ClassifierFeatures::extract(const BytesView& images) {
  const models::WideResNetConfig& c = network_.config();
  if (images.channels != c.in_channels || images.height != c.image_size || images.width != c.image_size)
    engine::fail_input("images are {}x{}x{}, {} takes {}x{}x{}; give a classifier of that size (--features)",
                       images.channels, images.height, images.width, label_, c.in_channels, c.image_size,
                       c.image_size);
  Features features;
  features.dimensions = dimensions();
  features.classes = classes();
  features.features.reserve(static_cast<std::size_t>(images.count * features.dimensions));
  features.logits.reserve(static_cast<std::size_t>(images.count * features.classes));
  for (std::int64_t first = 0; first < images.count; first += kBatch)
    append(images.part(first, std::min(kBatch, images.count - first)), features);
  return features;
}

void ClassifierFeatures::append(const BytesView& batch, Features& features) {
  std::vector<float> pixels(batch.pixels.size());
  std::transform(batch.pixels.begin(), batch.pixels.end(), pixels.begin(),
                 [](std::uint8_t v) { return static_cast<float>(v) / 127.5f - 1.0f; });
  engine::Tensor x =
      context_.empty({batch.count, batch.channels, batch.height, batch.width}, engine::DType::fp32);
  engine::ops::assign<float>(pixels, x);
  const autograd::NoRecording no_recording(tape_);
  const autograd::Variable penultimate =
      network_.features(tape_, autograd::Variable{x}, models::Pass::single(batch.count, false));
  append_finite(penultimate.value, "feature", features.count, features.features);
  append_finite(network_.logits(tape_, penultimate).value, "logit", features.count, features.logits);
  features.count += batch.count;
}

}  // namespace mebm::metrics

// Images per second through the Inception network, from 8-bit images of 32x32 pixels to features and logits,
// in batches of 50; bench/peer/pytorch_inception.py measures PyTorch's. Weights are random: speed does not
// ask.

#include <benchmark/benchmark.h>

#include <cmath>
#include <random>

#include "engine/device/device.h"
#include "metrics/inception_features.h"

namespace mebm {
namespace {

constexpr int kImages = 50;

std::vector<float> random_parameter(const models::NamedShape& parameter) {
  const auto count = static_cast<std::size_t>(parameter.shape.elements());
  const bool scale = parameter.name.ends_with("running_var") || parameter.name.ends_with("bn.weight");
  if (parameter.shape.rank() == 1) return std::vector<float>(count, scale ? 1.0f : 0.0f);
  const float fan_in = static_cast<float>(parameter.shape.elements() / parameter.shape[0]);
  std::minstd_rand random(1);
  std::uniform_real_distribution<float> weight(-std::sqrt(6 / fan_in), std::sqrt(6 / fan_in));
  std::vector<float> values(count);
  for (float& value : values) value = weight(random);
  return values;
}

void run(benchmark::State& state) {
  engine::Context context({.threads = engine::physical_cores()});
  metrics::InceptionFeatures extractor(context, random_parameter, "random weights", "", false,
                                       {.batch_size = kImages});
  std::vector<std::uint8_t> pixels(kImages * 3 * 32 * 32);
  std::minstd_rand random(2);
  for (std::uint8_t& pixel : pixels) pixel = static_cast<std::uint8_t>(random() >> 8);
  const metrics::BytesView images{pixels, kImages, 3, 32, 32};
  extractor.extract(images.part(0, 2));  // makes the workspace
  for (auto _ : state) benchmark::DoNotOptimize(extractor.extract(images));
  state.counters["images/s"] = benchmark::Counter(kImages, benchmark::Counter::kIsIterationInvariantRate);
}

BENCHMARK(run)->Name("inception, 50 images of 32x32")->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace mebm

BENCHMARK_MAIN();

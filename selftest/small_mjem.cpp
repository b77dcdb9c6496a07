#include "selftest/small_mjem.h"

#include <cmath>

namespace mebm::selftest {

data::ImageSet striped_images() {
  constexpr int kImages = 24, kChannels = 3, kSide = 8;
  data::ImageSet set;
  set.name = "stripes";
  set.channels = kChannels;
  set.height = set.width = set.original_height = set.original_width = kSide;
  set.num_classes = 4;
  for (int i = 0; i < kImages * kChannels * kSide * kSide; ++i)
    set.pixels.push_back(static_cast<std::uint8_t>(127.5 + 127 * std::sin(0.41 * i + 1e-3 * (i % 613))));
  for (int i = 0; i < kImages; ++i) set.labels.push_back(i % 4);
  return set;
}

ebm::Config small_mjem(std::uint64_t seed) {
  ebm::Config c;
  c.model.depth = 10;
  c.model.width = 1;
  c.model.num_classes = 4;
  c.data.set = "images";
  c.data.batch_size = c.data.labelled_batch_size = 4;
  c.data.noise = 0.03;
  c.sampler.steps = 2;
  c.sampler.noise = 0.01;
  c.buffer.size = 16;
  c.buffer.reinit_probability = 0.25;
  c.objective.classifier_weight = 1;
  c.optimizer.warmup_iterations = 3;
  c.optimizer.learning_rate = 0.1;
  c.run.epochs = 10;
  c.run.iterations_per_epoch = 2;
  c.run.seed = seed;
  c.run.precision = "fp32";
  return c;
}

}  // namespace mebm::selftest

#include "measure/step.h"

#include <sys/resource.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "engine/core/random.h"
#include "engine/device/accelerator.h"
#include "measure/timing.h"

namespace mebm::measure {

namespace {

constexpr int kClasses = 10, kImages = 1024, kLargestOfLargeBuffer = 32;

// The time does not depend on what is in them.
data::ImageSet random_images(const StepOptions& o) {
  data::ImageSet set;
  set.name = "random images";
  set.split = "train";
  set.channels = 3;
  set.height = set.width = set.original_height = set.original_width = o.size;
  set.num_classes = kClasses;
  const std::int64_t count = std::max({kImages, o.batch, o.labelled});
  set.pixels.resize(static_cast<std::size_t>(count * set.image_size()));
  const engine::PhiloxKey key(o.seed);
  for (std::size_t i = 0; i < set.pixels.size(); i += 16) {
    const engine::PhiloxWords words = engine::philox4x32_10(key, static_cast<std::uint32_t>(i / 16),
                                                            static_cast<std::uint32_t>(i >> 36), 0, 0);
    for (std::size_t byte = 0; byte < std::min<std::size_t>(16, set.pixels.size() - i); ++byte)
      set.pixels[i + byte] = static_cast<std::uint8_t>(words.word[byte / 4] >> (8 * (byte % 4)));
  }
  for (std::int64_t i = 0; i < count; ++i) set.labels.push_back(static_cast<std::int32_t>(i % kClasses));
  return set;
}

ebm::Config configuration(const StepOptions& o) {
  ebm::Config c;
  c.model.depth = o.depth;
  c.model.width = o.width;
  c.model.num_classes = kClasses;
  c.data.set = "images";
  c.data.batch_size = o.batch;
  c.data.labelled_batch_size = o.labelled;
  c.sampler.steps = o.k;
  c.buffer.size = std::max(o.size <= kLargestOfLargeBuffer ? 10000 : 1000, o.batch);
  c.init.kind = "uniform";
  c.objective.classifier_weight = o.labelled > 0 ? 1 : 0;
  c.optimizer.learning_rate = 1e-3;
  c.optimizer.warmup_iterations = 0;
  c.optimizer.milestones.clear();
  c.run.epochs = std::numeric_limits<int>::max();
  c.run.seed = o.seed;
  c.run.precision = o.precision;
  return c;
}

std::uint64_t largest_resident_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace

TrainingStep::TrainingStep(const StepOptions& options)
    : context_(options.context), images_(random_images(options)) {
  const ebm::ImageShape shape{images_.channels, images_.height, images_.width};
  std::vector<std::int64_t> indices(static_cast<std::size_t>(images_.count()));
  std::iota(indices.begin(), indices.end(), 0);
  trainer_ =
      std::make_unique<ebm::Trainer>(context_, configuration(options), images_, std::move(indices),
                                     std::make_shared<ebm::UniformInitialDistribution>(context_, shape));
  trainer_->start_fresh();
  resident_before_ = largest_resident_bytes();
}

// Results are taken as training takes them: a device works on while they are on their way.
double TrainingStep::run(int iterations) {
  const auto all = [&] {
    for (int i = 0; i < iterations; ++i) {
      const auto begin = [&] { trainer_->begin(); };
      if (convolutions_.empty())
        convolutions_ = convolutions_of(context_, begin);
      else
        begin();
      while (trainer_->take_result(i + 1 == iterations)) continue;
    }
  };
  return seconds_taken(context_, all) / iterations;
}

std::uint64_t TrainingStep::peak_bytes() const {
  if (context_.on_device()) return context_.accelerator().memory().reserved_bytes();
  return largest_resident_bytes() - resident_before_;
}

}  // namespace mebm::measure

// After the first iterations, training asks nobody for memory: not the system, not malloc, from no thread.
//
// Two libraries do by themselves, the same number of times in every iteration: oneDNN makes a map of
// arguments for each primitive it runs, and libgomp a team for each parallel region of a single thread
// (larger teams are kept). fp64 is left out: it is for proof, and Eigen's products take their workspace as
// they go.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "ebm/trainer.h"
#include "tests/ebm/counted_allocations.h"
#include "tests/ebm/striped_images.h"

namespace mebm::ebm {
namespace {

using engine::ConvolutionChoice;
using testing::Allocation;
using testing::CountedAllocations;

constexpr int kImages = 24, kWarmUp = 3, kIterations = 4;
constexpr ImageShape kShape{3, 8, 8};
constexpr std::size_t kMostOfAConvolution = 10;  // by oneDNN; reorders of its weights included

struct Case {
  std::string name;
  ConvolutionChoice convolution = ConvolutionChoice::automatic;
  int threads = 2, labelled = 4;
  bool uniform = false;
};

// Six batches are a pass over the images: the iterations that are watched begin one.
Config configuration(const Case& c) {
  Config config;
  config.model.depth = 10;
  config.model.width = 1;
  config.model.num_classes = 4;
  config.data.set = "images";
  config.data.batch_size = 4;
  config.data.labelled_batch_size = c.labelled;
  config.data.augment = config.data.augment_positives = true;
  config.data.noise = 0.01;
  config.sampler.steps = 2;
  config.buffer.size = 16;
  config.buffer.reinit_probability = 0.5;
  config.objective.classifier_weight = c.labelled > 0 ? 0.5 : 0;
  config.optimizer.learning_rate = 1e-3;
  config.run.epochs = 3;
  config.run.iterations_per_epoch = 10;
  return config;
}

class SteadyState : public ::testing::TestWithParam<Case> {
 protected:
  SteadyState()
      : context_({.threads = GetParam().threads, .convolution = GetParam().convolution}),
        images_(striped_images(kImages)) {
    std::vector<std::int64_t> indices(kImages);
    std::iota(indices.begin(), indices.end(), 0);
    std::shared_ptr<const InitialDistribution> initial;
    if (GetParam().uniform)
      initial = std::make_shared<UniformInitialDistribution>(context_, kShape);
    else
      initial = std::make_shared<GaussianInitialDistribution>(
          context_, fit_gaussian(context_, images_, indices, 1e-2), engine::DType::fp32);
    trainer_ = std::make_unique<Trainer>(context_, configuration(GetParam()), images_, indices, initial);
    trainer_->start_fresh();
    for (int i = 0; i < kWarmUp; ++i) trainer_->step();
  }

  engine::Context context_;
  data::ImageSet images_;
  std::unique_ptr<Trainer> trainer_;
};

bool is_of(const Allocation& allocation, const char* library) {
  return allocation.object.find(library) != std::string::npos;
}

// Convolutions of an iteration, in all directions.
std::size_t convolutions_of(engine::Context& context, Trainer& trainer) {
  std::size_t count = 0;
  context.observe_convolutions([&](const engine::ConvolutionCall&) { ++count; });
  trainer.step();
  context.observe_convolutions({});
  return count;
}

TEST_P(SteadyState, IterationsAskForNoMemory) {
  const std::size_t convolutions = convolutions_of(context_, *trainer_);
  const std::uint64_t reservations = context_.arena().reservations();
  std::array<std::size_t, kIterations + 1> until{};
  CountedAllocations counter;
  for (int i = 0; i < kIterations; ++i) {
    trainer_->step();
    until[static_cast<std::size_t>(i) + 1] = counter.count();
  }
  const std::vector<Allocation> allocations = counter.stop();
  EXPECT_EQ(context_.arena().reservations(), reservations);
  std::map<std::string, int> others;
  std::array<std::size_t, kIterations> of_onednn{};
  for (std::size_t i = 0; i < kIterations; ++i)
    for (std::size_t n = until[i]; n < until[i + 1]; ++n) {
      const Allocation& a = allocations[n];
      if (is_of(a, "libdnnl"))
        ++of_onednn[i];
      else if (!(is_of(a, "libgomp") && GetParam().threads == 1))
        ++others[a.object + ", " + a.function];
    }
  for (const auto& [who, times] : others) ADD_FAILURE() << who << " asked " << times << " times";
  for (std::size_t count : of_onednn) {
    EXPECT_EQ(count, of_onednn[0]);
    EXPECT_LE(count, kMostOfAConvolution * convolutions);
  }
}

// The counter sees every way to ask, and who asked.
TEST(CountedAllocations, SeesWhatThisProgramAsksFor) {
  CountedAllocations counter;
  const auto one = std::make_unique<int>(1);
  void* volatile plain = std::malloc(10);  // volatile: what is not looked at need not be asked for
  void* volatile aligned = std::aligned_alloc(64, 64);
  std::free(plain);
  std::free(aligned);
  const std::string text(static_cast<std::size_t>(100 + *one), 'x');
  std::thread([] {
    void* volatile zeroed = std::calloc(2, 3);
    std::free(zeroed);
  }).join();
  const std::size_t count = counter.count();
  const std::vector<Allocation> seen = counter.stop();
  EXPECT_EQ(seen.size(), count);
  EXPECT_GE(count, 5u);
  EXPECT_GE(std::count_if(seen.begin(), seen.end(),
                          [](const Allocation& a) { return is_of(a, "steady_state_test"); }),
            3);
  EXPECT_EQ(text.size(), 101u);
  const auto after = std::make_unique<int>(2);
  EXPECT_EQ(counter.count(), count);
}

INSTANTIATE_TEST_SUITE_P(Trainer, SteadyState,
                         ::testing::Values(Case{.name = "Auto"},
                                           Case{.name = "Direct", .convolution = ConvolutionChoice::direct},
                                           Case{.name = "EnergyAlone", .labelled = 0, .uniform = true},
                                           Case{.name = "OneThread", .threads = 1}),
                         [](const ::testing::TestParamInfo<Case>& instance) { return instance.param.name; });

}  // namespace
}  // namespace mebm::ebm

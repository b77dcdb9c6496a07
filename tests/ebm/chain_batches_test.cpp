// Chains in batches: a chain is a function of its number, however many are asked for.

#include "ebm/chain_batches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/ebm/toy_models.h"

namespace mebm::ebm {
namespace {

using engine::DType;
using engine::Tensor;

struct Batches {
  std::vector<std::int64_t> first, kept, rows;
  std::vector<double> chains;  // of the kept rows
};

Batches run(std::int64_t count, bool fill,
            engine::RandomPurpose noise = engine::RandomPurpose::langevin_noise) {
  QuadraticEnergy model({1.0, 0.6, 0.6, 0.8});
  engine::Context context;
  autograd::Tape tape(context);
  const UniformInitialDistribution initial(context, {2, 1, 1});
  ChainPlan plan;
  plan.sampler = {.steps = 3, .step_size = 0.4, .noise = 0.1};
  plan.key = engine::PhiloxKey(8);
  plan.noise = noise;
  plan.count = count;
  plan.fill_last_batch = fill;
  Batches seen;
  int started = 0, stepped = 0;
  ChainHooks hooks;
  hooks.starts = [&](std::int64_t first, std::int64_t rows) {
    return draw_starts(context, initial, plan.key, first, rows, DType::fp64);
  };
  hooks.started = [&](const ChainPart&) { ++started; };
  hooks.stepped = [&](const ChainPart&, int step, const Tensor& energies) {
    EXPECT_EQ(step, stepped++ % 3);
    EXPECT_GT(energies.elements(), 0);
  };
  hooks.finished = [&](const ChainPart& part, const Tensor&) {
    seen.first.push_back(part.first);
    seen.kept.push_back(part.kept);
    seen.rows.push_back(part.chains.extent(0));
    std::vector<double> values(static_cast<std::size_t>(part.chains.elements()));
    engine::ops::read(part.chains, values);
    seen.chains.insert(seen.chains.end(), values.begin(), values.begin() + 2 * part.kept);
  };
  run_chains(tape, model, plan, hooks);
  EXPECT_EQ(static_cast<std::size_t>(started), seen.first.size());
  EXPECT_EQ(stepped, 3 * started);
  return seen;
}

TEST(ChainBatches, TheLastBatchIsFilledOrShort) {
  const Batches full = run(70, true), shorter = run(70, false);
  EXPECT_THAT(full.first, ::testing::ElementsAre(0, 64));
  EXPECT_THAT(full.kept, ::testing::ElementsAre(64, 6));
  EXPECT_THAT(full.rows, ::testing::ElementsAre(64, 64));
  EXPECT_THAT(shorter.rows, ::testing::ElementsAre(64, 6));
  EXPECT_EQ(full.chains.size(), 140u);
}

TEST(ChainBatches, AChainIsAFunctionOfItsNumber) {
  const Batches all = run(128, true), some = run(70, true);
  EXPECT_TRUE(std::equal(some.chains.begin(), some.chains.end(), all.chains.begin()));
  EXPECT_NE(run(70, true, engine::RandomPurpose::evaluation_noise).chains, some.chains)
      << "another purpose, other noise";
}

}  // namespace
}  // namespace mebm::ebm

#pragma once
// Chains that are run to be looked at or judged, not trained on: numbered from 0 and advanced in batches
// whose statistics are their own. A chain is a function of its number and the keys alone where batches are
// full.

#include <cstdint>
#include <functional>

#include "ebm/initial_distribution.h"
#include "ebm/langevin_sampler.h"

namespace mebm::ebm {

inline constexpr std::int64_t kChainBatch = 64;  // chains normalised together, as the published runs do

// Chains first ... first + kept - 1. The tensors may have more rows: extra chains that fill the batch up, so
// that its statistics are those of a full one.
struct ChainPart {
  std::int64_t first = 0, kept = 0;
  engine::Tensor chains;  // [rows,C,H,W]
};

struct ChainPlan {
  LangevinOptions sampler;
  engine::PhiloxKey key;
  engine::RandomPurpose noise = engine::RandomPurpose::langevin_noise;  // of the steps, iteration 0
  std::int64_t count = 0;
  bool fill_last_batch = true;  // false: the last batch may be short
};

struct ChainHooks {
  // The starts of chains first ... first + rows - 1, [rows,C,H,W]. Required.
  std::function<engine::Tensor(std::int64_t first, std::int64_t rows)> starts;
  // Their classes (int32 [rows]), for class energies.
  std::function<engine::Tensor(std::int64_t first, std::int64_t rows)> labels;
  // Pixels that they keep.
  std::function<KeptPixels(std::int64_t first, std::int64_t rows)> kept;
  // Before the first step.
  std::function<void(const ChainPart&)> started;
  // After step `step` (from 0): the chains now, and the energies [rows] before it.
  std::function<void(const ChainPart&, int step, const engine::Tensor& energies)> stepped;
  // After the last step; `labels` as above.
  std::function<void(const ChainPart&, const engine::Tensor& labels)> finished;
};

// Runs the chains of `plan`, batch after batch. Weights and running statistics are left as they are.
void run_chains(autograd::Tape& tape, models::EnergyModel& model, const ChainPlan& plan,
                const ChainHooks& hooks);

// Draws of p0 for chains first ... first + rows - 1, clamped to [-1,1]: purpose sample_fill, slot = chain.
engine::Tensor draw_starts(engine::Context& context, const InitialDistribution& initial,
                           engine::PhiloxKey key, std::int64_t first, std::int64_t rows, engine::DType dtype);

}  // namespace mebm::ebm

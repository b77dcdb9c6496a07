#include "ebm/chain_batches.h"

#include <algorithm>
#include <numeric>

#include "engine/core/error.h"

namespace mebm::ebm {

using engine::Tensor;

void run_chains(autograd::Tape& tape, models::EnergyModel& model, const ChainPlan& plan,
                const ChainHooks& hooks) {
  engine::require(static_cast<bool>(hooks.starts), "chains without starts");
  LangevinSampler sampler(tape, plan.sampler);
  for (std::int64_t first = 0; first < plan.count; first += kChainBatch) {
    ChainPart part{first, std::min(kChainBatch, plan.count - first), {}};
    const std::int64_t rows = plan.fill_last_batch ? kChainBatch : part.kept;
    part.chains = hooks.starts(first, rows);
    LangevinRun run;
    run.key = plan.key;
    run.purpose = plan.noise;
    run.first_slot = static_cast<std::uint32_t>(first);
    if (hooks.kept) run.kept = hooks.kept(first, rows);
    const Tensor labels = hooks.labels ? hooks.labels(first, rows) : Tensor();
    if (hooks.started) hooks.started(part);
    LangevinSampler::StepObserver observer;
    if (hooks.stepped)
      observer = [&](int step, const Tensor& energies) { hooks.stepped(part, step, energies); };
    sampler.run(model, run, labels, part.chains, observer);
    if (hooks.finished) hooks.finished(part, labels);
  }
}

Tensor draw_starts(engine::Context& context, const InitialDistribution& initial, engine::PhiloxKey key,
                   std::int64_t first, std::int64_t rows, engine::DType dtype) {
  const ImageShape shape = initial.image_shape();
  std::vector<std::uint32_t> slots(static_cast<std::size_t>(rows));
  std::iota(slots.begin(), slots.end(), static_cast<std::uint32_t>(first));
  Tensor out = context.empty({rows, shape.channels, shape.height, shape.width}, dtype);
  initial.draw({key, engine::RandomPurpose::sample_fill, 0}, slots, true, out);
  return out;
}

}  // namespace mebm::ebm

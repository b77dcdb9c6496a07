#include "ebm/langevin_sampler.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/sampling.h"

namespace mebm::ebm {

using autograd::Variable;
using engine::Tensor;
using models::Pass;

namespace {

Variable energy_of(autograd::Tape& tape, models::EnergyModel& model, const Variable& x,
                   models::EnergyKind kind, const Tensor& labels, const Pass& pass) {
  return model.energy(tape, model.features(tape, x, pass), kind, labels);
}

void backward_from_energies(autograd::Tape& tape, const Variable& energy) {
  Tensor seed = tape.context().empty(energy.value.shape(), energy.value.dtype());
  engine::ops::fill(tape.context(), 1, seed);
  tape.backward(energy, std::move(seed));
}

// One step: the energies before it.
Tensor move_chains(autograd::Tape& tape, models::EnergyModel& model, models::EnergyKind kind,
                   const Tensor& labels, const Pass& pass, const engine::ops::LangevinUpdate& update,
                   Tensor& chains) {
  tape.clear();
  const autograd::FrozenParameters frozen(tape);
  Variable energy = energy_of(tape, model, tape.moving_leaf(chains, update), kind, labels, pass);
  const Tensor energies = energy.value;
  backward_from_energies(tape, energy);
  tape.clear();
  return energies;
}

}  // namespace

void KeptPixels::put_back(engine::Context& context, Tensor& chains) const {
  if (!free.defined()) return;
  engine::ops::multiply(context, 1, free, chains, chains, engine::WriteMode::overwrite);
  engine::ops::axpby(context, 1, values, 1, chains);
}

Tensor energy_gradient(autograd::Tape& tape, models::EnergyModel& model, const Tensor& images,
                       models::EnergyKind kind, const Tensor& labels, const Pass& pass, Tensor* energies) {
  tape.clear();
  const autograd::FrozenParameters frozen(tape);
  Variable x = tape.leaf(images);
  Variable energy = energy_of(tape, model, x, kind, labels, pass);
  if (energies != nullptr) *energies = energy.value;
  backward_from_energies(tape, energy);
  Tensor gradient = tape.gradient(x);
  tape.clear();
  engine::require(gradient.defined(), "the energy does not depend on the images");
  return gradient;
}

void LangevinSampler::run(models::EnergyModel& model, const LangevinRun& run, const Tensor& labels,
                          Tensor& chains, const StepObserver& observer) {
  for (int k = 0; k < options_.steps; ++k) {
    const int slot =
        run.first_statistics_slot == Pass::kNotRecorded ? Pass::kNotRecorded : run.first_statistics_slot + k;
    const Pass pass = Pass::single(chains.extent(0), options_.batch_statistics, slot);
    engine::ops::LangevinUpdate update;
    update.step_size = options_.step_size;
    update.noise = options_.noise;
    update.gradient_clamp = options_.gradient_clamp;
    update.pixel_clamp = options_.pixel_clamp;
    update.key = run.key;
    update.purpose = run.purpose;
    update.iteration = run.iteration;
    update.step = run.first_step + static_cast<std::uint32_t>(k);
    update.first_slot = run.first_slot;
    const Tensor energies = move_chains(tape_, model, options_.energy, labels, pass, update, chains);
    run.kept.put_back(tape_.context(), chains);
    if (observer) observer(k, energies);
  }
}

}  // namespace mebm::ebm

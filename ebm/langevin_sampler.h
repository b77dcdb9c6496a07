#pragma once
// The Langevin sampler (SPEC section 5): K steps of
//   x <- clamp(x - a clamp(dE/dx, -c, c) + sigma N(0, I), -p, p)
// with weights frozen, on any EnergyModel. The gradient is that of the sum of the batch's energies; in batch
// mode it flows through the batch statistics.

#include <cstdint>
#include <functional>

#include "engine/core/random.h"
#include "engine/core/scalar.h"
#include "models/energy_model.h"

namespace mebm::ebm {

struct LangevinOptions {
  int steps = 5;
  double step_size = 1, noise = 0.001;
  double gradient_clamp = 1, pixel_clamp = 1;  // 0 = off
  bool batch_statistics = true;
  models::EnergyKind energy = models::EnergyKind::head;
};

// Pixels that keep their value while the rest of their chain moves (inpainting). Undefined: everything moves.
struct KeptPixels {
  engine::Tensor free;    // [N,C,H,W], 1 where the chain moves, 0 where it stays
  engine::Tensor values;  // [N,C,H,W], what stays there; 0 where the chain moves

  // chains <- free chains + values; exact, as every factor is 0 or 1. Nothing where undefined.
  void put_back(engine::Context& context, engine::Tensor& chains) const;
};

// Which random numbers and which statistics slots a run of the sampler uses.
struct LangevinRun {
  engine::PhiloxKey key;
  engine::RandomPurpose purpose = engine::RandomPurpose::langevin_noise;
  engine::Scalar<std::uint32_t> iteration{};
  std::uint32_t first_slot = 0;  // global chain slot of row 0
  std::uint32_t first_step = 0;  // number of the first step, for chains continued in pieces
  int first_statistics_slot = models::Pass::kNotRecorded;  // step k records its batch statistics in this + k
  KeptPixels kept = {};                                    // put back after every step
};

class LangevinSampler {
 public:
  // Called after every step with the step's number (from 0) and the energies [N] before it.
  using StepObserver = std::function<void(int step, const engine::Tensor& energies)>;

  LangevinSampler(autograd::Tape& tape, LangevinOptions options) : tape_(tape), options_(options) {}

  const LangevinOptions& options() const { return options_; }
  // Advances chains [N,C,H,W] in place. `labels` (int32 [N]) are needed for class energies only.
  void run(models::EnergyModel& model, const LangevinRun& run, const engine::Tensor& labels,
           engine::Tensor& chains, const StepObserver& observer = {});

 private:
  autograd::Tape& tape_;
  LangevinOptions options_;
};

// dE/dx [N,C,H,W] of the summed energies at `images`, weights frozen; `energies`, where given, receives E
// [N]. Forgets what is on the tape.
engine::Tensor energy_gradient(autograd::Tape& tape, models::EnergyModel& model, const engine::Tensor& images,
                               models::EnergyKind kind, const engine::Tensor& labels,
                               const models::Pass& pass, engine::Tensor* energies);

}  // namespace mebm::ebm

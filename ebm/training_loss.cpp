#include "ebm/training_loss.h"

#include "autograd/ops/elementwise.h"
#include "autograd/ops/layers.h"
#include "ebm/objective.h"

namespace mebm::ebm {

using autograd::Variable;
using engine::Tensor;
using models::Pass;

TrainingRows arrange_rows(std::int64_t positives, std::int64_t labelled, int chain_passes) {
  TrainingRows rows;
  rows.positives = positives;
  rows.labelled = labelled;
  const auto add_group = [&](std::int64_t count) {
    rows.pass.slots[static_cast<std::size_t>(rows.pass.groups.count)] = rows.slots++;
    rows.pass.groups.add(count);
  };
  if (positives > 0) {
    add_group(positives);
    rows.first_chain_slot = chain_passes > 0 ? rows.slots : Pass::kNotRecorded;
    rows.slots += chain_passes;
    add_group(positives);
  }
  if (labelled > 0) add_group(labelled);
  return rows;
}

TrainingLoss training_loss(autograd::Tape& tape, models::EnergyModel& model, const Tensor& images,
                           const Tensor& labels, const TrainingRows& rows, models::EnergyKind energy,
                           const ObjectiveConfig& objective) {
  const std::int64_t n = rows.positives;
  engine::require(n > 0 || rows.labelled > 0, "training_loss: neither positives nor labelled images");
  TrainingLoss out;
  const Variable features = model.features(tape, Variable{images}, rows.pass);
  if (n > 0) {
    const Variable energies = model.energy(tape, autograd::rows(tape, features, 0, 2 * n), energy, Tensor());
    const Variable positive = autograd::rows(tape, energies, 0, n);
    const Variable negative = autograd::rows(tape, energies, n, n);
    out.energies = energies.value;
    out.loss =
        energy_loss(tape, positive, negative, objective.l2_coefficient, parse_l2_form(objective.l2_form));
    if (objective.energy_weight != 1) out.loss = autograd::scale(tape, out.loss, objective.energy_weight);
  }
  if (rows.labelled > 0) {
    Variable entropy = autograd::cross_entropy(
        tape, model.logits(tape, autograd::rows(tape, features, 2 * n, rows.labelled)), labels);
    out.cross_entropy = entropy.value;
    if (objective.classifier_weight != 1)
      entropy = autograd::scale(tape, entropy, objective.classifier_weight);
    out.loss = n > 0 ? autograd::add(tape, out.loss, entropy) : entropy;
  }
  return out;
}

}  // namespace mebm::ebm

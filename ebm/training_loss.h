#pragma once
// The grouped forward pass of one training iteration and its loss. Positives, negatives and labelled images
// share the convolutions; each part has batch statistics of its own.

#include <cstdint>

#include "ebm/config.h"
#include "models/energy_model.h"

namespace mebm::ebm {

// What an iteration's rows are and which statistics slot each pass writes. Slots are numbered in the order in
// which they are folded into the running statistics: positives, the chain passes, negatives, labelled.
struct TrainingRows {
  std::int64_t positives = 0;                         // and as many negatives
  std::int64_t labelled = 0;                          // 0: no cross-entropy
  int first_chain_slot = models::Pass::kNotRecorded;  // chain pass k records in this + k
  int slots = 0;                                      // to be reserved and folded
  models::Pass pass;                                  // of the grouped batch
};

// Rows positives | negatives | labelled; `chain_passes` of the sampler leave statistics (0: none does).
TrainingRows arrange_rows(std::int64_t positives, std::int64_t labelled, int chain_passes);

// Tensors are undefined where the objective has no such term.
struct TrainingLoss {
  autograd::Variable loss;       // [1]
  engine::Tensor energies;       // [2 positives]: E of the positives, then of the negatives
  engine::Tensor cross_entropy;  // [1], before its weight
};

// energy_weight (mean E+ - mean E- + alpha R) + classifier_weight cross-entropy (SPEC section 6) of `images`
// [2 positives + labelled, C,H,W], ordered as the rows; labels int32 [labelled]. A term without rows is left
// out; at least one must have rows.
TrainingLoss training_loss(autograd::Tape& tape, models::EnergyModel& model, const engine::Tensor& images,
                           const engine::Tensor& labels, const TrainingRows& rows, models::EnergyKind energy,
                           const ObjectiveConfig& objective);

}  // namespace mebm::ebm

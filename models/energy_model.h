#pragma once
// The interface samplers and objectives see: E(x) = energy(features(x)). A toy energy with a known density
// can stand in for a network.

#include <array>
#include <string_view>
#include <vector>

#include "autograd/tape.h"
#include "engine/ops/normalization.h"

namespace mebm::models {

// head: E = -f, f = energy_output(features).  logsumexp: f = log sum_y exp(logits_y).  class_logit: f =
// logits[y].
enum class EnergyKind { head, logsumexp, class_logit };

// "head" | "logsumexp" | "class"; throws InputError otherwise.
EnergyKind parse_energy_kind(std::string_view text);
std::string_view name_of(EnergyKind kind);

// How one forward pass treats normalisation. Independent of recording and of parameter freezing
// (autograd/tape.h).
struct Pass {
  static constexpr int kNotRecorded = -1;

  engine::ops::RowGroups groups;
  bool batch_statistics = true;  // false: the running statistics
  // Group g leaves its batch statistics in slot slots[g] (EnergyModel::reserve_statistics).
  std::array<int, engine::ops::RowGroups::kMaxGroups> slots;

  Pass() { slots.fill(kNotRecorded); }
  // One group of `rows` rows.
  static Pass single(std::int64_t rows, bool batch_statistics, int slot = kNotRecorded) {
    Pass pass;
    pass.groups.add(rows);
    pass.batch_statistics = batch_statistics;
    pass.slots[0] = slot;
    return pass;
  }
};

class EnergyModel {
 public:
  virtual ~EnergyModel() = default;

  // images [N,C,H,W] plain -> features [N,D]
  virtual autograd::Variable features(autograd::Tape& tape, const autograd::Variable& images,
                                      const Pass& pass) = 0;
  // features [N,D] -> energies [N]; labels (int32 [N]) are read for class_logit only.
  virtual autograd::Variable energy(autograd::Tape& tape, const autograd::Variable& features, EnergyKind kind,
                                    const engine::Tensor& labels) = 0;
  // features [N,D] -> logits [N,C]; throws where the model has no class head.
  virtual autograd::Variable logits(autograd::Tape& tape, const autograd::Variable& features) = 0;

  virtual std::vector<autograd::Parameter*> parameters() = 0;
  void zero_gradients() {
    for (autograd::Parameter* parameter : parameters()) parameter->reached = parameter->zero_gradient = false;
  }

  // Room for the statistics of `slots` passes; fold_statistics() folds slots 0 ... slots - 1, in this order,
  // into the running statistics: running = (1 - m) running + m new.
  virtual void reserve_statistics(int slots) = 0;
  virtual void fold_statistics(int slots) = 0;
};

}  // namespace mebm::models

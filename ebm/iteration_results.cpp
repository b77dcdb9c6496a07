#include "ebm/iteration_results.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/ops/elementwise.h"

namespace mebm::ebm {
namespace {

constexpr double kDivergedLoss = 1e5;

}  // namespace

void check_divergence(const IterationResult& r) {
  if (std::isfinite(r.loss) && std::abs(r.loss) <= kDivergedLoss && std::isfinite(r.gradient_norm)) return;
  engine::fail(
      "diverged at iteration {}: loss {:.4g}, E+ {:.4g}, E- {:.4g}, gradient norm {:.4g}; lower "
      "optimizer.learning_rate, or raise sampler.steps or objective.l2_coefficient",
      r.iteration, r.loss, r.energy_positive, r.energy_negative, r.gradient_norm);
}

IterationResults::IterationResults(engine::Context& context, bool energy, bool classes)
    : energy_(energy),
      classes_(classes),
      numbers_(context.empty({kResults}, engine::DType::fp64)),
      reads_(context, sizeof(double) * kResults, kMostOutstanding) {
  begun_.reserve(kMostOutstanding);
}

void IterationResults::assign(const double (&values)[kResults], IterationResult& result) const {
  constexpr double kAbsent = std::numeric_limits<double>::quiet_NaN();
  result.loss = values[kLoss];
  result.energy_positive = energy_ ? values[kEnergyPositive] : kAbsent;
  result.energy_negative = energy_ ? values[kEnergyNegative] : kAbsent;
  result.cross_entropy = classes_ ? values[kCrossEntropy] : kAbsent;
  result.gradient_norm = std::sqrt(values[kSquaredGradientNorm]);
}

IterationResult IterationResults::read_now() const {
  double values[kResults];
  engine::ops::read(numbers_, values);
  IterationResult result;
  assign(values, result);
  return result;
}

void IterationResults::enqueue(std::int64_t iteration, std::int64_t epoch, double learning_rate,
                               std::chrono::steady_clock::time_point begin) {
  reads_.enqueue(numbers_);
  begun_.push_back({iteration, epoch, learning_rate, begin});
}

std::optional<IterationResult> IterationResults::take(bool wait) {
  if (reads_.outstanding() == 0 || !(wait || reads_.full() || reads_.ready())) return std::nullopt;
  double values[kResults];
  reads_.take(values);
  const auto now = std::chrono::steady_clock::now();
  const Begun begun = begun_.front();
  begun_.erase(begun_.begin());
  IterationResult result;
  assign(values, result);
  result.iteration = begun.iteration;
  result.epoch = begun.epoch;
  result.learning_rate = begun.learning_rate;
  result.seconds = std::chrono::duration<double>(now - std::max(begun.begin, last_done_)).count();
  last_done_ = now;
  return result;
}

}  // namespace mebm::ebm

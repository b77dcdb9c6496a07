#pragma once
// What iterations report: numbers that lie where the device leaves them, reach the host later, and say there
// whether the run has diverged.

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/device/context.h"
#include "engine/device/deferred_reads.h"

namespace mebm::ebm {

// What an iteration did. Energies and cross-entropy are NaN where the objective has no such term.
struct IterationResult {
  std::int64_t iteration = 0, epoch = 0;  // counted from 0
  double loss = 0;
  double energy_positive = 0, energy_negative = 0;  // batch means
  double cross_entropy = 0;
  double learning_rate = 0;
  double gradient_norm = 0;  // Euclidean, over all parameters reached
  // Wall-clock seconds since the iteration was begun or the one before was done, whichever came later.
  double seconds = 0;
};

// Throws Error where the loss or the gradient's norm is not finite, or the loss beyond 1e5 in magnitude.
void check_divergence(const IterationResult& result);

class IterationResults {
 public:
  // In the order they lie in memory; kResults is their number.
  enum Number { kLoss, kEnergyPositive, kEnergyNegative, kCrossEntropy, kSquaredGradientNorm, kResults };
  // How many iterations a device may be behind the host: while one runs, the next is ready to start.
  static constexpr std::size_t kMostOutstanding = 2;

  // energy, classes: which terms the objective has.
  IterationResults(engine::Context& context, bool energy, bool classes);

  // Where work leaves a number: one fp64.
  engine::Tensor place(Number number) { return numbers_.rows(number, 1); }
  // The numbers as they are now; waits for the device. Only loss, energies, cross-entropy and norm are set.
  IterationResult read_now() const;

  // The iteration whose work was enqueued last: its numbers are on their way.
  void enqueue(std::int64_t iteration, std::int64_t epoch, double learning_rate,
               std::chrono::steady_clock::time_point begin);
  std::size_t outstanding() const { return reads_.outstanding(); }
  // The oldest iteration not taken yet. Without `wait`, nothing where it is not done, unless the device is
  // kMostOutstanding iterations behind.
  std::optional<IterationResult> take(bool wait);

 private:
  struct Begun {
    std::int64_t iteration, epoch;
    double learning_rate;
    std::chrono::steady_clock::time_point begin;
  };

  void assign(const double (&values)[kResults], IterationResult& result) const;

  bool energy_, classes_;
  engine::Tensor numbers_;  // fp64 [kResults]
  engine::DeferredReads reads_;
  std::vector<Begun> begun_;  // oldest first, at most kMostOutstanding
  std::chrono::steady_clock::time_point last_done_{};
};

}  // namespace mebm::ebm

#pragma once
// What a run finds out about its model every run.evaluate_every epochs. It changes nothing of the run: noise
// of its own purpose, statistics that are not recorded, weights frozen, the buffer read only.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ebm/classifier_checkpoint.h"
#include "tools/train_loop.h"

namespace mebm::tools {

class TrainingEvaluation {
 public:
  // validation: images held out; may be empty. InputError where FD-ref is asked for of a set that has no
  // reference network.
  TrainingEvaluation(engine::Context& context, const TrainJob& job, std::span<const std::int64_t> validation);

  // Whether an evaluation follows iteration number `done`, counted from 1.
  bool due(std::int64_t done) const;
  // How FD-ref is measured, in one line; "" where it is not.
  std::string protocol() const;
  EvaluationFigures evaluate(ebm::Trainer& trainer);

 private:
  double distance(const std::vector<std::uint8_t>& pixels, std::int64_t count);
  double fresh_chains(ebm::Trainer& trainer);
  double buffer(ebm::Trainer& trainer);

  engine::Context& context_;
  const TrainJob& job_;
  std::span<const std::int64_t> validation_;
  bool classifies_;
  ebm::ReferenceClassifier reference_;  // without an extractor: no FD-ref
};

// The figures of an evaluation for the screen.
std::string describe(const EvaluationFigures& figures, std::int64_t done, double seconds);

}  // namespace mebm::tools

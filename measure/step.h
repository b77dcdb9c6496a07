#pragma once
// A training run on random images, one iteration of which is what `bench step` measures.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ebm/trainer.h"
#include "engine/device/context.h"
#include "measure/convolutions.h"

namespace mebm::measure {

// M-EBM where `labelled` is 0, else M-JEM with a labelled batch of that size. 10 classes, three channels; the
// buffer has 10000 images of up to 32 pixels a side, 1000 of larger ones.
struct StepOptions {
  int depth = 28, width = 10;
  int size = 32;  // pixels a side; a fourth stage from 64 on
  int k = 5;      // Langevin steps
  int batch = 64, labelled = 0;
  std::uint64_t seed = 1;
  std::string precision = "fp32";
  engine::ContextOptions context;
};

class TrainingStep {
 public:
  // Everything but the first iteration's plans and memory is there when this returns. InputError where such a
  // network or device cannot be had.
  explicit TrainingStep(const StepOptions& options);
  TrainingStep(const TrainingStep&) = delete;
  TrainingStep& operator=(const TrainingStep&) = delete;

  // Iterations that are timed together: on a device several, whose results it need not hand over one by one.
  int iterations_together() const { return context_.on_device() ? 10 : 1; }
  // Carries out that many; seconds of each. Error where training diverged.
  double run(int iterations);

  // On the CPU by how much the process's largest resident size grew since just before the first iteration; on
  // a device all memory taken from it.
  std::uint64_t peak_bytes() const;
  // What an iteration asks for, seen in the first one.
  const std::vector<ConvolutionUse>& convolutions() const { return convolutions_; }
  engine::Context& context() { return context_; }

 private:
  engine::Context context_;
  data::ImageSet images_;
  std::unique_ptr<ebm::Trainer> trainer_;
  std::vector<ConvolutionUse> convolutions_;
  std::uint64_t resident_before_ = 0;
};

}  // namespace mebm::measure

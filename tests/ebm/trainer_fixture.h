#pragma once
// A trainer small enough for milliseconds per iteration, and what it did.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "ebm/trainer.h"
#include "engine/ops/elementwise.h"
#include "tests/ebm/striped_images.h"

namespace mebm::ebm {

using Values = std::vector<double>;

inline Values values_of(const engine::Tensor& tensor) {
  return engine::ops::host_values(tensor);
}

// Copies of every iteration's result and choices.
struct Record final : TrainingObserver {
  struct Iteration {
    IterationResult result;
    std::vector<std::int64_t> rows, positives, labelled;
    std::vector<std::uint8_t> restarted;
    std::vector<int> positive_crops, labelled_crops;  // row, column, flip
    std::vector<std::int32_t> labels;
    bool chains = false;
  };

  void iteration_begun(std::int64_t, const IterationChoices& choices) override {
    Iteration it;
    it.chains = choices.chains != nullptr;
    if (choices.chains != nullptr) {
      it.rows = choices.chains->rows;
      it.restarted = choices.chains->restarted;
    }
    if (choices.positives != nullptr) {
      it.positives = choices.positives->indices;
      it.positive_crops = flat(choices.positives->crops);
    }
    if (choices.labelled != nullptr) {
      it.labelled = choices.labelled->indices;
      it.labels = choices.labelled->labels;
      it.labelled_crops = flat(choices.labelled->crops);
    }
    iterations.push_back(std::move(it));
  }

  static std::vector<int> flat(const std::vector<data::Crop>& crops) {
    std::vector<int> out;
    for (const data::Crop& crop : crops) out.insert(out.end(), {crop.row, crop.column, crop.flip ? 1 : 0});
    return out;
  }

  std::vector<Iteration> iterations;
};

class TrainerTest : public ::testing::Test {
 protected:
  static constexpr ImageShape kShape{3, 8, 8};
  static constexpr int kImages = 24;

  TrainerTest() { images_ = striped_images(kImages); }

  // M-JEM, K = 2.
  static Config tiny() {
    Config c;
    c.model.depth = 10;
    c.model.width = 1;
    c.model.num_classes = 4;
    c.data.set = "images";
    c.data.batch_size = c.data.labelled_batch_size = 4;
    c.sampler.steps = 2;
    c.buffer.size = 16;
    c.buffer.reinit_probability = 0.25;
    c.objective.classifier_weight = 1;
    c.optimizer.warmup_iterations = 0;
    c.run.epochs = 3;
    c.run.iterations_per_epoch = 2;
    c.run.seed = 5;
    return c;
  }

  std::shared_ptr<const InitialDistribution> uniform() {
    return std::make_shared<UniformInitialDistribution>(context_, kShape);
  }
  std::shared_ptr<const InitialDistribution> gaussian(engine::DType dtype) {
    return std::make_shared<GaussianInitialDistribution>(
        context_, fit_gaussian(context_, images_, all_indices(), 1e-2), dtype);
  }
  static std::vector<std::int64_t> all_indices() {
    std::vector<std::int64_t> indices(kImages);
    std::iota(indices.begin(), indices.end(), 0);
    return indices;
  }

  std::unique_ptr<Trainer> make(const Config& config, std::shared_ptr<const InitialDistribution> initial) {
    return std::make_unique<Trainer>(context_, config, images_, all_indices(), std::move(initial));
  }
  std::unique_ptr<Trainer> start(const Config& config) {
    auto trainer = make(config, config.objective.energy_weight != 0 ? uniform() : nullptr);
    trainer->start_fresh();
    return trainer;
  }
  // `steps` iterations of a fresh run.
  std::vector<Record::Iteration> run(const Config& config, int steps) {
    const auto trainer = start(config);
    return run(*trainer, steps);
  }
  static std::vector<Record::Iteration> run(Trainer& trainer, int steps) {
    Record record;
    TrainingObserver* const observers[] = {&record};
    for (int i = 0; i < steps; ++i) {
      const IterationResult result = trainer.step(observers);
      record.iterations.back().result = result;
    }
    return record.iterations;
  }

  static std::map<std::string, Values> parameters(Trainer& trainer) {
    std::map<std::string, Values> out;
    for (const autograd::Parameter* p : trainer.model().parameters()) out[p->name] = values_of(p->value);
    return out;
  }
  // Everything an iteration changes.
  static std::map<std::string, Values> state(Trainer& trainer) {
    std::map<std::string, Values> out = parameters(trainer);
    for (const models::NamedBuffer& buffer : trainer.model().buffers())
      out[buffer.name] =
          buffer.tensor != nullptr ? values_of(*buffer.tensor) : Values{static_cast<double>(*buffer.counter)};
    const CheckpointContents contents = trainer.checkpoint_contents("");
    const auto all = trainer.model().parameters();
    for (std::size_t i = 0; i < all.size(); ++i)
      out["momentum " + all[i]->name] = values_of(contents.velocities[i]);
    if (trainer.buffer() != nullptr) {
      out["buffer"] = values_of(trainer.buffer()->images());
      out["ages"] = Values(trainer.buffer()->ages().begin(), trainer.buffer()->ages().end());
    }
    return out;
  }
  static std::int64_t batches_tracked(Trainer& trainer) {
    for (const models::NamedBuffer& buffer : trainer.model().buffers())
      if (buffer.counter != nullptr) return *buffer.counter;
    return -1;
  }

  engine::Context context_;
  data::ImageSet images_;
};

}  // namespace mebm::ebm

// Whole training iterations through the engine's device side - dispatch, arenas, plans, streams, capture and
// replay of the iteration's graph - on the emulator, against the CPU engine.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "ebm/trainer.h"
#include "engine/ops/elementwise.h"
#include "kernels/emulator/fiber_block.h"
#include "selftest/small_mjem.h"

namespace mebm::test {
namespace {

using Values = std::vector<double>;
using State = std::map<std::string, Values>;

ebm::Config mjem(const std::string& precision) {
  ebm::Config config = selftest::small_mjem(5);
  config.run.precision = precision;
  return config;
}

Values values_of(const engine::Tensor& tensor) {
  Values out(static_cast<std::size_t>(tensor.elements()));
  engine::ops::read(tensor, out);
  return out;
}

// A run on one device, with everything an iteration changes within reach.
class SmallRun {
 public:
  SmallRun(engine::DeviceKind kind, const ebm::Config& config)
      : context_({.device = {kind, 0}, .bf16_features = config.run.precision == "bf16"}),
        images_(selftest::striped_images()),
        trainer_(make(config)) {
    trainer_->start_fresh();
  }

  ebm::IterationResult step() { return trainer_->step(); }
  ebm::Trainer& trainer() { return *trainer_; }
  State state() {
    State out;
    const ebm::CheckpointContents contents = trainer_->checkpoint_contents("");
    const auto parameters = trainer_->model().parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      out["weight " + parameters[i]->name] = values_of(parameters[i]->value);
      out["momentum " + parameters[i]->name] = values_of(contents.velocities[i]);
    }
    for (const models::NamedBuffer& buffer : trainer_->model().buffers())
      out[buffer.name] =
          buffer.tensor != nullptr ? values_of(*buffer.tensor) : Values{static_cast<double>(*buffer.counter)};
    if (trainer_->buffer() == nullptr) return out;
    out["buffer"] = values_of(trainer_->buffer()->images());
    out["ages"] = Values(trainer_->buffer()->ages().begin(), trainer_->buffer()->ages().end());
    return out;
  }
  // Weights, momentum, running statistics and buffer of another run.
  void adopt(const State& state) {
    const ebm::CheckpointContents contents = trainer_->checkpoint_contents("");
    const auto parameters = trainer_->model().parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      engine::ops::write(state.at("weight " + parameters[i]->name), parameters[i]->value);
      engine::ops::write(state.at("momentum " + parameters[i]->name), contents.velocities[i]);
    }
    for (const models::NamedBuffer& buffer : trainer_->model().buffers())
      if (buffer.tensor != nullptr) engine::ops::write(state.at(buffer.name), *buffer.tensor);
    engine::ops::write(state.at("buffer"), trainer_->buffer()->images());
  }

 private:
  std::unique_ptr<ebm::Trainer> make(const ebm::Config& config) {
    std::vector<std::int64_t> indices(static_cast<std::size_t>(images_.count()));
    std::iota(indices.begin(), indices.end(), 0);
    const engine::DType dtype = config.run.precision == "fp64" ? engine::DType::fp64 : engine::DType::fp32;
    auto initial = std::make_shared<ebm::GaussianInitialDistribution>(
        context_, ebm::fit_gaussian(context_, images_, indices, 1e-2), dtype);
    return std::make_unique<ebm::Trainer>(context_, config, images_, indices, std::move(initial));
  }

  engine::Context context_;
  data::ImageSet images_;
  std::unique_ptr<ebm::Trainer> trainer_;
};

// Largest |a - b| of an entry over the largest change of that entry since `start` (or its size, where nothing
// changes), and the entry's name.
std::pair<double, std::string> worst_difference(const State& a, const State& b, const State& start) {
  std::pair<double, std::string> worst{0, "nothing"};
  for (const auto& [name, values] : b) {
    double error = 0, change = 0, size = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      error = std::max(error, std::abs(a.at(name)[i] - values[i]));
      change = std::max(change, std::abs(values[i] - start.at(name)[i]));
      size = std::max(size, std::abs(values[i]));
    }
    const double scale = change > 0 ? change : size > 0 ? size : 1;
    if (!(error / scale <= worst.first)) worst = {error / scale, name};
  }
  return worst;
}

void expect_close(double a, double b, double tolerance, const char* what) {
  EXPECT_LE(std::abs(a - b), tolerance * std::max(1.0, std::abs(b))) << what;
}

// SPEC's 1e-8 for updates in fp64; the first iteration runs directly, the second is captured, the others are
// replayed.
TEST(EmulatedIterations, TenIterationsOfMJemEqualTheCpu) {
  SmallRun device(engine::DeviceKind::cuda, mjem("fp64")), cpu(engine::DeviceKind::cpu, mjem("fp64"));
  const State start = cpu.state();
  EXPECT_LE(worst_difference(device.state(), start, start).first, 1e-13);
  for (int i = 0; i < 10; ++i) {
    const ebm::IterationResult a = device.step(), b = cpu.step();
    expect_close(a.loss, b.loss, 1e-9, "loss");
    expect_close(a.energy_positive, b.energy_positive, 1e-9, "E+");
    expect_close(a.energy_negative, b.energy_negative, 1e-9, "E-");
    expect_close(a.cross_entropy, b.cross_entropy, 1e-9, "cross-entropy");
    expect_close(a.gradient_norm, b.gradient_norm, 1e-9, "gradient norm");
    const auto [error, name] = worst_difference(device.state(), cpu.state(), start);
    std::printf("iteration %d: largest error of the change %.2e (%s)\n", i, error, name.c_str());
    ASSERT_LE(error, 1e-8) << name << " in iteration " << i;
  }
}

// The other objectives, energies, norms, starts and sampler settings, three iterations each.
struct Variant {
  const char* name;
  void (*change)(ebm::Config&);
};

class EmulatedVariants : public testing::TestWithParam<Variant> {};

TEST_P(EmulatedVariants, EqualTheCpu) {
  ebm::Config config = mjem("fp64");
  GetParam().change(config);
  SmallRun device(engine::DeviceKind::cuda, config), cpu(engine::DeviceKind::cpu, config);
  const State start = cpu.state();
  for (int i = 0; i < 3; ++i) {
    device.step();
    cpu.step();
  }
  const auto [error, name] = worst_difference(device.state(), cpu.state(), start);
  EXPECT_LE(error, 1e-8) << name;
}

INSTANTIATE_TEST_SUITE_P(
    All, EmulatedVariants,
    testing::Values(Variant{"MEbmReferenceL2",
                            [](ebm::Config& c) {
                              c.objective.classifier_weight = 0;
                              c.objective.l2_form = "reference";
                            }},
                    Variant{"LseJemMeansL2",
                            [](ebm::Config& c) {
                              c.model.energy = "logsumexp";
                              c.objective.l2_form = "means";
                            }},
                    Variant{"NoNorm", [](ebm::Config& c) { c.model.norm = "none"; }},
                    Variant{"RunningStatisticsSampler",
                            [](ebm::Config& c) { c.sampler.batch_norm = "running"; }},
                    Variant{"Classifier", [](ebm::Config& c) { c.objective.energy_weight = 0; }},
                    Variant{"AugmentedPositives", [](ebm::Config& c) { c.data.augment_positives = true; }}),
    [](const auto& instance) { return instance.param.name; });

// One step at a time from the fp64 run's state. Rounding grows on the way through the network, and an element
// that crosses the LeakyReLU's kink makes a jump; the CPU's fp32 shows how much of both there is.
double largest_step_error(SmallRun& run, SmallRun& exact, int steps) {
  double worst = 0;
  for (int i = 0; i < steps; ++i) {
    const State before = exact.state();
    run.adopt(before);
    run.step();
    exact.step();
    const auto [error, name] = worst_difference(run.state(), exact.state(), before);
    std::printf("step %d: %.2e (%s)\n", i, error, name.c_str());
    worst = std::max(worst, error);
  }
  return worst;
}

TEST(EmulatedIterations, Fp32StepsAreAsCloseToFp64AsTheCpus) {
  SmallRun device(engine::DeviceKind::cuda, mjem("fp32")), cpu(engine::DeviceKind::cpu, mjem("fp32"));
  SmallRun exact(engine::DeviceKind::cpu, mjem("fp64")), again(engine::DeviceKind::cpu, mjem("fp64"));
  const double of_cpu = largest_step_error(cpu, exact, 6), of_device = largest_step_error(device, again, 6);
  EXPECT_LE(of_device, 2 * of_cpu);
}

// Euclidean norm of the error of all weights over the norm of their change. Convolution biases before a
// batch-norm are left out: they have no gradient but rounding noise.
double norm_of_error(const State& a, const State& b, const State& start) {
  double error = 0, change = 0;
  for (const auto& [name, values] : b) {
    const bool bias = name.ends_with(".bias") &&
                      (name.find("conv") != std::string::npos || name.find("shortcut") != std::string::npos);
    if (!name.starts_with("weight ") || bias) continue;
    for (std::size_t i = 0; i < values.size(); ++i) {
      error += std::pow(a.at(name)[i] - values[i], 2);
      change += std::pow(values[i] - start.at(name)[i], 2);
    }
  }
  return std::sqrt(error / change);
}

// Feature maps of 8 significant bits through 13 layers, normalised over as few as 16 values: gradients agree
// in direction, losses to two digits.
TEST(EmulatedIterations, Bf16StepsStayNearFp64) {
  ebm::Config bf16 = mjem("bf16"), fp64 = mjem("fp64");
  bf16.optimizer.warmup_iterations = fp64.optimizer.warmup_iterations = 0;
  SmallRun device(engine::DeviceKind::cuda, bf16), exact(engine::DeviceKind::cpu, fp64);
  for (int i = 0; i < 4; ++i) {
    const State before = exact.state();
    device.adopt(before);
    const ebm::IterationResult a = device.step(), b = exact.step();
    expect_close(a.loss, b.loss, 2e-2, "loss");
    expect_close(a.gradient_norm, b.gradient_norm, 0.1, "gradient norm");
    const double error = norm_of_error(device.state(), exact.state(), before);
    std::printf("step %d: %.2e of the update\n", i, error);
    EXPECT_LE(error, 0.5);
    EXPECT_GE(error, 1e-3);  // or it was not bf16
  }
}

// The graph's edges allow more than one order; all give the same bits.
TEST(EmulatedIterations, ReplayInTheOtherOrderIsBitEqual) {
  State results[2];
  for (int order = 0; order < 2; ++order) {
    SmallRun device(engine::DeviceKind::cuda, mjem("fp32"));
    for (int i = 0; i < 4; ++i) {
      kernels::emulator::options().reversed = order == 1 && i > 0;
      device.step();
    }
    kernels::emulator::options().reversed = false;
    results[order] = device.state();
  }
  EXPECT_EQ(results[0], results[1]);
}

// The host goes ahead of the device: results come later, in order, and are those of waiting every time. (Here
// a copy to the host arrives only when it is waited for or asked about twice; before, it holds NaN.)
TEST(EmulatedIterations, ResultsTakenLaterAreTheSame) {
  constexpr int kIterations = 6;
  SmallRun ahead(engine::DeviceKind::cuda, mjem("fp32")), waiting(engine::DeviceKind::cuda, mjem("fp32"));
  ebm::Trainer& trainer = ahead.trainer();
  std::vector<ebm::IterationResult> results;
  bool was_ahead = false;
  for (int i = 0; i < kIterations; ++i) {
    trainer.begin();
    EXPECT_EQ(trainer.iteration(), i + 1);
    while (const auto result = trainer.take_result(false)) results.push_back(*result);
    was_ahead = was_ahead || static_cast<int>(results.size()) <= i;
  }
  EXPECT_TRUE(was_ahead);
  while (const auto result = trainer.take_result(true)) results.push_back(*result);
  ASSERT_EQ(results.size(), std::size_t{kIterations});
  for (int i = 0; i < kIterations; ++i) {
    const ebm::IterationResult& a = results[static_cast<std::size_t>(i)];
    const ebm::IterationResult b = waiting.step();
    EXPECT_EQ(a.iteration, i);
    EXPECT_EQ(a.epoch, b.epoch);
    EXPECT_EQ(a.learning_rate, b.learning_rate);
    EXPECT_EQ(a.loss, b.loss);
    EXPECT_EQ(a.cross_entropy, b.cross_entropy);
    EXPECT_EQ(a.gradient_norm, b.gradient_norm);
    EXPECT_GE(a.seconds, 0);
  }
  EXPECT_EQ(ahead.state(), waiting.state());
}

TEST(EmulatedIterations, TheHostGoesAheadOnlySoFar) {
  SmallRun run(engine::DeviceKind::cuda, mjem("fp32"));
  for (std::size_t i = 0; i < ebm::IterationResults::kMostOutstanding; ++i) run.trainer().begin();
  EXPECT_THROW(run.trainer().begin(), engine::Error);
}

// A device learns of a divergence when the result arrives: before then nothing may be kept.
TEST(EmulatedIterations, DivergenceIsFoundWhenTheResultIsTaken) {
  SmallRun run(engine::DeviceKind::cuda, mjem("fp32"));
  run.step();
  autograd::Parameter& weight = *run.trainer().model().parameters().back();
  engine::ops::write(Values(static_cast<std::size_t>(weight.value.elements()), std::nan("")), weight.value);
  EXPECT_NO_THROW(run.trainer().begin());
  try {
    run.trainer().take_result(true);
    FAIL() << "a NaN loss was taken";
  } catch (const engine::Error& error) {
    EXPECT_EQ(std::string(error.what()).find("diverged at iteration 1"), 0u) << error.what();
  }
}

}  // namespace
}  // namespace mebm::test

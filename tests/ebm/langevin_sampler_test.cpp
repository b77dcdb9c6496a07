// The sampler against stationary laws known without it: the discretised chain's covariance on a Gaussian, and
// the stationary vector of the numerically built transition kernel on a double well.

#include "ebm/langevin_sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/ebm/statistics.h"
#include "tests/ebm/toy_models.h"
#include "tests/reference/test_data.h"

namespace mebm::ebm {
namespace {

using engine::DType;
using engine::Tensor;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr std::int64_t kChains = 64;
constexpr int kBurnIn = 300;

// states[t][chain * dimension + component] after the burn-in
ChainSeries run_chains(models::EnergyModel& model, const engine::Shape& shape, const LangevinOptions& options,
                       double start) {
  engine::Context context;
  autograd::Tape tape(context);
  Tensor chains = context.empty(shape, DType::fp64);
  engine::ops::fill(context, start, chains);
  ChainSeries states;
  LangevinSampler sampler(tape, options);
  sampler.run(model, {.key = engine::PhiloxKey(42), .iteration = 7}, {}, chains,
              [&](int step, const Tensor&) {
                if (step < kBurnIn) return;
                states.emplace_back(static_cast<std::size_t>(chains.elements()));
                engine::ops::read(chains, states.back());
              });
  return states;
}

// ---- Gaussian ----

constexpr double kStep = 0.3, kNoise = 0.7;
const std::vector<double> kPrecision{1.0, 0.6, 0.6, 0.8};

// S = A S A^T + noise^2 I with A = I - step P, by iteration to the fixed point.
std::vector<double> discretised_covariance() {
  const double a[2][2] = {{1 - kStep * kPrecision[0], -kStep * kPrecision[1]},
                          {-kStep * kPrecision[2], 1 - kStep * kPrecision[3]}};
  std::vector<double> s(4);
  for (int iteration = 0; iteration < 2000; ++iteration) {
    std::vector<double> next{kNoise * kNoise, 0, 0, kNoise * kNoise};
    for (std::size_t i = 0; i < 2; ++i)
      for (std::size_t j = 0; j < 2; ++j)
        for (std::size_t k = 0; k < 2; ++k)
          for (std::size_t l = 0; l < 2; ++l) next[2 * i + j] += a[i][k] * s[2 * k + l] * a[j][l];
    s = next;
  }
  return s;
}

// The largest deviation of a mean or covariance entry, in standard errors.
double gaussian_deviation(double noise) {
  QuadraticEnergy model(kPrecision);
  const ChainSeries states = run_chains(
      model, {kChains, 2, 1, 1},
      {.steps = kBurnIn + 3000, .step_size = kStep, .noise = noise, .gradient_clamp = 0, .pixel_clamp = 0},
      0);
  const std::vector<double> s = discretised_covariance();
  const auto series = [&](const auto& value) {
    ChainSeries out;
    for (const auto& state : states) {
      out.emplace_back();
      for (std::size_t c = 0; c < kChains; ++c) out.back().push_back(value(state[2 * c], state[2 * c + 1]));
    }
    return estimate_mean(out);
  };
  const Estimate e00 = series([](double x, double) { return x * x; }),
                 e01 = series([](double x, double y) { return x * y; }),
                 e11 = series([](double, double y) { return y * y; }),
                 ex = series([](double x, double) { return x; }),
                 ey = series([](double, double y) { return y; });
  std::printf("noise %.2f: S = %.4f %.4f %.4f, exact %.4f %.4f %.4f, standard errors %.4f %.4f %.4f\n", noise,
              e00.mean, e01.mean, e11.mean, s[0], s[1], s[3], e00.standard_error, e01.standard_error,
              e11.standard_error);
  return std::max(
      {deviation(e00, s[0]), deviation(e01, s[1]), deviation(e11, s[3]), deviation(ex, 0), deviation(ey, 0)});
}

TEST(LangevinSampler, GaussianHasTheDiscretisedCovariance) {
  EXPECT_LE(gaussian_deviation(kNoise), 4);
}

TEST(LangevinSampler, HalvingTheNoiseFailsTheGaussianCheck) {
  EXPECT_GT(gaussian_deviation(kNoise / 2), 4);
}

// ---- double well ----

constexpr double kHeight = 0.5, kWellStep = 0.1, kWellNoise = 0.45, kClamp = 1.5;
constexpr int kCells = 400, kBins = 14;  // a bin is 5 cells
// Beyond the gradient clamp the law falls as exp(-1.5 |x|): 1e-5 of it lies outside [-10, 10].
constexpr double kEnd = 10, kBinEnd = 1.75;

double cell_edge(int i) {
  return -kEnd + 2 * kEnd * i / kCells;
}

// Stationary probabilities of kBins bins over [-kBinEnd, kBinEnd]: power iteration on the kernel
// x' = x - step clamp(E'(x), -c, c) + noise N(0, 1), from cell centres to cells.
std::vector<double> stationary_bins() {
  std::vector<double> kernel(kCells * kCells), law(kCells, 1.0 / kCells);
  const auto below = [](double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); };
  for (int i = 0; i < kCells; ++i) {
    const double x = (cell_edge(i) + cell_edge(i + 1)) / 2;
    const double centre = x - kWellStep * std::clamp(4 * kHeight * x * (x * x - 1), -kClamp, kClamp);
    for (int j = 0; j < kCells; ++j)
      kernel[static_cast<std::size_t>(j * kCells + i)] =
          below((cell_edge(j + 1) - centre) / kWellNoise) - below((cell_edge(j) - centre) / kWellNoise);
  }
  for (int iteration = 0; iteration < 400; ++iteration) {
    std::vector<double> next(kCells);
    double total = 0;
    for (std::size_t j = 0; j < kCells; ++j) {
      for (std::size_t i = 0; i < kCells; ++i) next[j] += kernel[j * kCells + i] * law[i];
      total += next[j];
    }
    for (std::size_t j = 0; j < kCells; ++j) law[j] = next[j] / total;
  }
  std::vector<double> bins(kBins);
  for (int i = 0; i < kCells; ++i) {
    const double x = (cell_edge(i) + cell_edge(i + 1)) / 2;
    if (std::abs(x) < kBinEnd)
      bins[static_cast<std::size_t>((x + kBinEnd) / (2 * kBinEnd) * kBins)] +=
          law[static_cast<std::size_t>(i)];
  }
  return bins;
}

double double_well_deviation(double noise) {
  DoubleWellEnergy model(kHeight);
  const ChainSeries states = run_chains(model, {kChains, 1, 1, 1},
                                        {.steps = kBurnIn + 4000,
                                         .step_size = kWellStep,
                                         .noise = noise,
                                         .gradient_clamp = kClamp,
                                         .pixel_clamp = 0},
                                        0);
  const std::vector<double> expected = stationary_bins();
  double worst = 0, fewest = 1e300;
  for (int bin = 0; bin < kBins; ++bin) {
    const double low = -kBinEnd + 2 * kBinEnd * bin / kBins,
                 high = -kBinEnd + 2 * kBinEnd * (bin + 1) / kBins;
    ChainSeries inside;
    for (const auto& state : states) {
      inside.emplace_back();
      for (double x : state) inside.back().push_back(x >= low && x < high ? 1 : 0);
    }
    const Estimate estimate = estimate_mean(inside);
    worst = std::max(worst, deviation(estimate, expected[static_cast<std::size_t>(bin)]));
    fewest = std::min(fewest, estimate.effective_samples);
  }
  std::printf("noise %.3f: worst of %d bins %.2f standard errors, at least %.0f effective samples\n", noise,
              kBins, worst, fewest);
  return worst;
}

TEST(LangevinSampler, DoubleWellHasTheKernelsStationaryLaw) {
  EXPECT_LE(double_well_deviation(kWellNoise), 4);
}

TEST(LangevinSampler, HalvingTheNoiseFailsTheDoubleWellCheck) {
  EXPECT_GT(double_well_deviation(kWellNoise / 2), 4);
}

// ---- one step, clamps, pieces ----

TEST(LangevinSampler, FollowsTheFormulaStepByStep) {
  engine::Context context;
  autograd::Tape tape(context);
  QuadraticEnergy model(kPrecision);
  const reference::Values start = reference::random_values(10, 1, -3, 3);
  Tensor chains = context.empty({5, 2, 1, 1}, DType::fp64);
  engine::ops::write(start, chains);
  LangevinSampler sampler(
      tape, {.steps = 3, .step_size = 0.5, .noise = 0.1, .gradient_clamp = 1, .pixel_clamp = 1.5});
  std::vector<double> first_energies;
  sampler.run(model, {.key = engine::PhiloxKey(9), .iteration = 4, .first_slot = 20, .first_step = 6}, {},
              chains, [&](int step, const Tensor& energies) {
                if (step != 0) return;
                first_energies.resize(5);
                engine::ops::read(energies, first_energies);
              });
  reference::Values x = start, energies;
  for (std::uint32_t k = 0; k < 3; ++k)
    for (std::size_t c = 0; c < 5; ++c) {
      double* const p = &x[2 * c];
      const double g[2] = {kPrecision[0] * p[0] + kPrecision[1] * p[1],
                           kPrecision[2] * p[0] + kPrecision[3] * p[1]};
      if (k == 0) energies.push_back((p[0] * g[0] + p[1] * g[1]) / 2);
      for (std::uint32_t e = 0; e < 2; ++e)
        p[e] = reference::langevin({0.5, 0.1, 1, 1.5}, p[e], g[e],
                                   reference::normal(9, 0, 4, 20 + static_cast<std::uint32_t>(c), 6 + k, e));
    }
  reference::Values actual(10);
  engine::ops::read(chains, actual);
  EXPECT_TRUE(reference::within(actual, x, 1e-14));
  EXPECT_TRUE(reference::within(first_energies, energies, 1e-14));
}

// Four steps at once are the same bits as one and then three; half the chains the same as all of them.
TEST(LangevinSampler, PiecesGiveTheSameChains) {
  QuadraticEnergy model(kPrecision);
  engine::Context context;
  autograd::Tape tape(context);
  const auto run = [&](Tensor& chains, int steps, std::uint32_t first_step, std::uint32_t first_slot) {
    LangevinSampler sampler(tape, {.steps = steps, .step_size = 0.5, .noise = 0.1});
    sampler.run(model, {.key = engine::PhiloxKey(1), .first_slot = first_slot, .first_step = first_step}, {},
                chains);
  };
  const auto start = [&] {
    Tensor t = context.empty({4, 2, 1, 1}, DType::fp64);
    engine::ops::write(reference::random_values(8, 2), t);
    return t;
  };
  const auto values = [](const Tensor& t) {
    reference::Values out(static_cast<std::size_t>(t.elements()));
    engine::ops::read(t, out);
    return out;
  };
  Tensor whole = start(), parts = start(), halves = start();
  run(whole, 4, 0, 0);
  run(parts, 1, 0, 0);
  run(parts, 3, 1, 0);
  EXPECT_EQ(values(whole), values(parts));
  Tensor upper = engine::ops::clone(context, halves.rows(0, 2)),
         lower = engine::ops::clone(context, halves.rows(2, 2));
  run(upper, 4, 0, 0);
  run(lower, 4, 0, 2);
  EXPECT_EQ(values(whole.rows(0, 2)), values(upper));
  EXPECT_EQ(values(whole.rows(2, 2)), values(lower));
}

// A failure inside the model leaves the tape as it was: parameters are not frozen for the next pass.
TEST(LangevinSampler, AFailureUnfreezesTheParameters) {
  class Failing final : public ToyModel {
   public:
    autograd::Variable energy(autograd::Tape& tape, const autograd::Variable& x, models::EnergyKind,
                              const Tensor&) override {
      EXPECT_TRUE(tape.parameters_frozen());
      return logits(tape, x);
    }
  } model;
  engine::Context context;
  autograd::Tape tape(context);
  Tensor chains = context.empty({1, 2, 1, 1}, DType::fp64);
  engine::ops::fill(context, 0, chains);
  LangevinSampler sampler(tape, {});
  EXPECT_THAT([&] { sampler.run(model, {}, {}, chains); },
              ThrowsMessage<engine::InputError>(HasSubstr("class head")));
  EXPECT_FALSE(tape.parameters_frozen());
}

}  // namespace
}  // namespace mebm::ebm

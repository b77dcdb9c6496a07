// Five noise-free Langevin steps under three settings of the clamps: every state, energies, statistics.

#include <gtest/gtest.h>

#include "ebm/langevin_sampler.h"
#include "engine/ops/elementwise.h"
#include "tests/golden/network_fixture.h"

namespace mebm::golden {
namespace {

using engine::DType;
using engine::Tensor;

constexpr int kSteps = 5;

// The chain's states in N,C,H,W order, energies before each step, and the network's statistics after it.
struct Chain {
  NamedValues states;
  std::vector<Values> energies;
  NamedValues statistics;
};

class ChainSteps : public testing::TestWithParam<std::string> {
 protected:
  engine::Hdf5Reader reader_{fixture_path("chain")};
  std::string at_ = "/" + GetParam();
  std::string weights_ = weights_name();

  std::string weights_name() const {
    const std::string file = reader_.attribute_string("/", "weights");
    return file.substr(0, file.rfind('.'));
  }
  ebm::LangevinOptions options() const {
    ebm::LangevinOptions options;
    options.steps = kSteps;
    options.noise = 0;
    options.step_size = reader_.attribute_double(at_, "step_size");
    options.gradient_clamp = reader_.attribute_double(at_, "gradient_clamp");
    options.pixel_clamp = reader_.attribute_double(at_, "pixel_clamp");
    return options;
  }

  Chain run_float64() const {
    NetworkFixture fixture(weights_, DType::fp64, 0.2);
    Tensor chains = engine::ops::clone(fixture.context, fixture.input("start").rows(0, 3));
    Chain chain;
    chain.states.emplace_back("state_0", values_of(chains));
    ebm::LangevinRun run;
    run.first_statistics_slot = 0;
    fixture.model->reserve_statistics(kSteps);
    ebm::LangevinSampler(fixture.tape, options())
        .run(*fixture.model, run, Tensor(), chains, [&](int step, const Tensor& energies) {
          chain.states.emplace_back("state_" + std::to_string(step + 1), values_of(chains));
          chain.energies.push_back(values_of(energies));
        });
    fixture.model->fold_statistics(kSteps);
    chain.statistics = buffers(*fixture.model);
    return chain;
  }
};

TEST_P(ChainSteps, Float64) {
  const Chain chain = run_float64();
  const Values energies = reader_.read<double>(at_ + "/energies", {kSteps, 3});
  Values computed;
  for (const Values& step : chain.energies) computed.insert(computed.end(), step.begin(), step.end());
  EXPECT_LE(relative_error(computed, energies), kExact);
  EXPECT_EQ(beyond(PackedSet(reader_, at_ + "/states").errors(chain.states), kExactBounds), "");
  EXPECT_EQ(beyond(PackedSet(reader_, at_ + "/buffers").errors(chain.statistics), kExactBounds), "");
  if (const std::string last = at_ + "/last_state_full"; reader_.exists(last)) {
    EXPECT_LE(relative_error(chain.states.back().second, reader_.read_at_most<double>(last, 1 << 20)),
              kExact);
  }
}

// Each step from the state before it, as the float64 chain (compared above) has it: fp32 values to 1e-5, the
// change of the state, a gradient across kinks, to 5e-2 of its norm.
TEST_P(ChainSteps, Float32StepByStep) {
  const Chain chain = run_float64();
  const PackedSet stored(reader_, at_ + "/states");
  ASSERT_EQ(beyond(stored.errors(chain.states), kExactBounds), "");
  const Values energies = reader_.read<double>(at_ + "/energies", {kSteps, 3});
  NetworkFixture fixture(weights_, DType::fp32, 0.2);
  ebm::LangevinOptions one = options();
  one.steps = 1;
  const ebm::LangevinRun run;
  for (std::size_t k = 0; k < kSteps; ++k) {
    const Values& before = chain.states[k].second;
    const Values& after = chain.states[k + 1].second;
    Tensor state = tensor_of(fixture.context, before, {3, 3, 32, 32}, DType::fp32);
    Values energy;
    ebm::LangevinSampler(fixture.tape, one)
        .run(*fixture.model, run, Tensor(), state,
             [&](int, const Tensor& computed) { energy = values_of(computed); });
    EXPECT_LE(relative_error(energy, Values(&energies[3 * k], &energies[3 * k] + 3)), 1e-5) << "step " << k;
    Values computed_change = values_of(state), change = after;
    for (std::size_t i = 0; i < before.size(); ++i) {
      computed_change[i] -= before[i];
      change[i] -= before[i];
    }
    EXPECT_LE(norm_error(computed_change, change), 5e-2) << "step " << k;
  }
}

INSTANTIATE_TEST_SUITE_P(Settings, ChainSteps, testing::Values("plain", "clamped", "unclamped"),
                         [](const auto& setting) { return setting.param; });

}  // namespace
}  // namespace mebm::golden

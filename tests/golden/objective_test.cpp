// One step of M-EBM (three forms of the L2 term), M-JEM and LSE-JEM: losses, the gradient of every parameter,
// chain states and running statistics, through the functions that training calls.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "tests/golden/network_fixture.h"

namespace mebm::golden {
namespace {

using engine::DType;

class ObjectiveStep : public testing::TestWithParam<NetworkCase> {
 protected:
  bool exact() const { return GetParam().exact(); }
  double value_bound() const { return GetParam().value_bound(); }
  Bounds value_bounds() const { return {value_bound(), value_bound(), value_bound(), 0}; }
  // Across a kink fp32 may take the other branch, so only the norm is bounded there.
  Bounds gradient_bounds() const {
    if (exact()) return kExactBounds;
    return GetParam().leak == 1 ? Bounds{1e-4, 1e-4, 1e-4, 1e-4} : Bounds{kUnbounded, kUnbounded, 5e-2, 1e-4};
  }

  NetworkFixture fixture_{GetParam().network, GetParam().dtype, GetParam().leak, GetParam().convolution};
  std::string at_;  // the objective's group

  // `scale`: a mean may cancel, so in fp32 it is judged on the scale of what it averages.
  void check_scalar(const char* what, double computed, double scale) {
    const double stored = fixture_.reader.attribute_double(at_, what);
    EXPECT_NEAR(computed, stored, value_bound() * std::max(std::abs(stored), exact() ? 0 : scale)) << what;
  }
  void check_array(const std::string& what, const Values& computed) {
    EXPECT_LE(relative_error(computed, fixture_.reader.read_at_most<double>(at_ + what, 1 << 20)),
              value_bound())
        << what;
  }

  void check_losses(const ObjectiveResult& result) {
    const double scale =
        std::max(largest_magnitude(result.energies_positive), largest_magnitude(result.energies_negative));
    check_scalar("loss", result.loss, scale);
    check_scalar("energy_positive", result.energy_positive, scale);
    check_scalar("energy_negative", result.energy_negative, scale);
    check_scalar("cross_entropy", result.cross_entropy, 0);
    check_array("/energies_positive", result.energies_positive);
    check_array("/energies_negative", result.energies_negative);
  }

  void check_gradients() {
    const NamedValues computed = gradients(*fixture_.model);
    const PackedSet stored(fixture_.reader, at_ + "/gradient");
    // At leak 1 batch-norm biases nearly cancel, down to 2e-4 G, and fp32 (PyTorch's is 6e-4 off) with them;
    // Winograd's rounding errors have twice the deviation of direct ones.
    const double floor = exact() ? kFloor : GetParam().winograd() ? 2e-3 : 1e-3;
    EXPECT_EQ(beyond(stored.errors(computed, floor), gradient_bounds()), "") << "gradients";
    std::vector<std::string> unreached;
    for (const autograd::Parameter* parameter : fixture_.model->parameters())
      if (!parameter->reached) unreached.push_back(parameter->name);
    EXPECT_EQ(unreached, split_names(fixture_.reader.attribute_string(at_, "unreached")));
    check_vanishing(stored);
    if (fixture_.reader.exists(at_ + "/gradient_full")) check_whole_gradients(computed, stored);
  }

  // Exactly the biases of convolutions whose every output goes through batch-norm vanish.
  void check_vanishing(const PackedSet& stored) {
    const bool batch_norm = fixture_.model->config().norm == "batch";
    for (const std::string& name : stored.names()) {
      const bool convolution_bias = name.ends_with(".bias") && (name.find("conv") != std::string::npos ||
                                                                name.find("shortcut") != std::string::npos);
      EXPECT_EQ(stored.vanishes(name), batch_norm && convolution_bias) << name;
    }
  }

  void check_whole_gradients(const NamedValues& computed, const PackedSet& stored) {
    int compared = 0;
    for (const auto& [name, values] : computed)
      if (const std::string path = at_ + "/gradient_full/" + name;
          fixture_.reader.exists(path) && !stored.vanishes(name)) {
        const Values whole = fixture_.reader.read_at_most<double>(path, 1 << 20);
        EXPECT_LE(
            exact() ? relative_error(values, whole, kFloor * stored.scale()) : norm_error(values, whole),
            exact() ? kExact : 5e-2)
            << path;
        ++compared;
      }
    EXPECT_GE(compared, 20);
  }

  void check_statistics() {
    if (fixture_.model->config().norm == "none") {
      EXPECT_TRUE(fixture_.model->buffers().empty());
      return;
    }
    const PackedSet stored(fixture_.reader, at_ + "/buffers");
    EXPECT_EQ(beyond(stored.errors(buffers(*fixture_.model)), value_bounds()), "") << "statistics";
  }

  // The end of the objective's chain, from a float64 chain that is itself compared with the fixture. Chains
  // of the same energy are the same.
  engine::Tensor chain_end(const Objective& objective) {
    NamedValues& states = chains_[objective.energy];
    if (states.empty()) {
      NetworkFixture float64(GetParam().network, DType::fp64, GetParam().leak);
      states = run_chain(float64, objective, objective_inputs(float64)).states;
    }
    const PackedSet stored(fixture_.reader, at_ + "/states");
    EXPECT_EQ(beyond(stored.errors(states), kExactBounds), "") << "chain states";
    return tensor_of(fixture_.context, states.back().second, fixture_.input("start").shape(),
                     fixture_.dtype());
  }

  void check_objective(const std::string& name) {
    SCOPED_TRACE(name);
    at_ = fixture_.expected(name);
    fixture_.reload();
    Objective objective = read_objective(fixture_.reader, at_);
    ObjectiveInputs inputs = objective_inputs(fixture_);
    const bool whole_chain = exact() || objective.steps == 0;
    if (!whole_chain) {
      // A chain in fp32 leaves the float64 one at the first kink: it is given the float64 chain's end.
      inputs.start = chain_end(objective);
      objective.steps = 0;
    }
    const ObjectiveResult result = run_objective(fixture_, objective, inputs);
    check_losses(result);
    check_gradients();
    if (whole_chain) check_statistics();
    if (objective.steps > 0) {
      const PackedSet states(fixture_.reader, at_ + "/states");
      EXPECT_EQ(beyond(states.errors(result.states), kExactBounds), "") << "chain states";
    }
  }

 private:
  std::map<models::EnergyKind, NamedValues> chains_;
};

TEST_P(ObjectiveStep, LossesGradientsAndStatistics) {
  // The L2 forms differ in a few scalars after the network: all three in float64, on the narrow networks.
  std::vector<std::string> names = {"mjem", "lse_jem"};
  const bool all_forms = exact() && fixture_.model->config().width == 1;
  if (GetParam().leak == 1 || all_forms) names.push_back("mebm_paper");
  if (GetParam().leak != 1) names.push_back("mebm_reference");
  if (GetParam().leak != 1 && all_forms) names.push_back("mebm_means");
  for (const std::string& name : names) check_objective(name);
}

INSTANTIATE_TEST_SUITE_P(Networks, ObjectiveStep, testing::ValuesIn(network_cases()), network_case_name);

}  // namespace
}  // namespace mebm::golden

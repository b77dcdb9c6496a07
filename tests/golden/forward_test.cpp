// Energies, logits, features and input gradients of every network in both batch-norm modes; the state dict.

#include <gtest/gtest.h>

#include <algorithm>

#include "ebm/langevin_sampler.h"
#include "tests/golden/network_fixture.h"

namespace mebm::golden {
namespace {

using engine::DType;
using models::EnergyKind;
using models::Pass;

// Bounds of gradients: fp32 may take the other branch of a kink, so only the norm is bounded there.
Bounds gradient_bounds(DType dtype, double leak) {
  if (dtype == DType::fp64) return kExactBounds;
  return leak == 1 ? Bounds{1e-4, 1e-4, 1e-4, 1e-4} : Bounds{kUnbounded, kUnbounded, 5e-2, 1e-4};
}

class Forward : public testing::TestWithParam<NetworkCase> {
 protected:
  NetworkFixture fixture_{GetParam().network, GetParam().dtype, GetParam().leak, GetParam().convolution};

  void check_value(const std::string& what, const engine::Tensor& computed) {
    const Values stored = fixture_.reader.read_at_most<double>(what, 1 << 20);
    EXPECT_LE(relative_error(values_of(computed), stored), GetParam().value_bound()) << what;
  }

  void check_mode(const std::string& mode) {
    const engine::Tensor images = fixture_.input("positive"), labels = fixture_.labels("positive_labels");
    const Pass pass = Pass::single(images.extent(0), mode == "batch");
    const std::string at = fixture_.expected("forward/" + mode);
    {
      const autograd::NoRecording off(fixture_.tape);
      const autograd::Variable features =
          fixture_.model->features(fixture_.tape, autograd::Variable{images}, pass);
      check_value(at + "/features", features.value);
      check_value(at + "/logits", fixture_.model->logits(fixture_.tape, features).value);
    }
    NamedValues gradients;
    for (EnergyKind kind : {EnergyKind::head, EnergyKind::logsumexp, EnergyKind::class_logit}) {
      const std::string name(name_of(kind));
      engine::Tensor energies;
      gradients.emplace_back(name, values_of(ebm::energy_gradient(fixture_.tape, *fixture_.model, images,
                                                                  kind, labels, pass, &energies)));
      check_value(at + "/energy_" + name, energies);
    }
    const PackedSet stored(fixture_.reader, at + "/input_gradient");
    if (GetParam().leak == 1 && mode == "batch" && fixture_.model->config().norm == "batch") {
      // A linear network's batch-normalised features have a mean that no image changes: not in the set.
      const double rounding = GetParam().dtype == DType::fp64 ? 1e-13 : 1e-4;
      EXPECT_LE(largest_magnitude(gradients[0].second), rounding * stored.scale());
      gradients.erase(gradients.begin());
    }
    EXPECT_EQ(beyond(stored.errors(gradients), gradient_bounds(GetParam().dtype, GetParam().leak)), "") << at;
    if (const std::string full = at + "/input_gradient_full"; fixture_.reader.exists(full)) {
      const Values b = fixture_.reader.read_at_most<double>(full, 1 << 20);
      if (GetParam().dtype == DType::fp64) {
        EXPECT_LE(relative_error(gradients[0].second, b), kExact) << full;
      } else {
        EXPECT_LE(norm_error(gradients[0].second, b), 5e-2) << full;
      }
    }
  }
};

TEST_P(Forward, EnergiesFeaturesAndInputGradients) {
  check_mode("batch");
  check_mode("running");
}

INSTANTIATE_TEST_SUITE_P(Networks, Forward, testing::ValuesIn(network_cases()), network_case_name);

class StateDict : public testing::TestWithParam<std::string> {};

// Names with shapes, as text, of one side.
std::vector<std::string> stored_entries(const engine::Hdf5Reader& reader, const std::string& group) {
  std::vector<std::string> out;
  if (!reader.exists(group)) return out;
  for (const engine::Hdf5Entry& entry : reader.list(group))
    out.push_back(entry.name + " " + engine::to_string(entry.shape));
  return out;
}

TEST_P(StateDict, NamesAndShapes) {
  NetworkFixture fixture(GetParam(), DType::fp32, 0.2);
  std::vector<std::string> parameters, running;
  for (const autograd::Parameter* parameter : fixture.model->parameters())
    parameters.push_back(parameter->name + " " + parameter->value.shape().text());
  for (const models::NamedBuffer& buffer : fixture.model->buffers())
    running.push_back(buffer.name + " " +
                      (buffer.tensor != nullptr ? buffer.tensor->shape().text() : std::string("[]")));
  for (std::vector<std::string>* names : {&parameters, &running}) std::sort(names->begin(), names->end());
  EXPECT_EQ(parameters, stored_entries(fixture.reader, "/model/parameters"));
  EXPECT_EQ(running, stored_entries(fixture.reader, "/model/buffers"));
}

INSTANTIATE_TEST_SUITE_P(Networks, StateDict, testing::ValuesIn(network_names()),
                         [](const auto& network) { return network.param; });

}  // namespace
}  // namespace mebm::golden

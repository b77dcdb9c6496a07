// Ten updates at learning rate 0.1 across the warm-up and one milestone: weights, momentum, statistics.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "autograd/optim/sgd.h"
#include "engine/ops/elementwise.h"
#include "tests/golden/network_fixture.h"

namespace mebm::golden {
namespace {

using engine::DType;

constexpr double kChange = 1e-8;  // of w_10 - w_0, in float64

class Updates : public testing::TestWithParam<std::string> {
 protected:
  engine::Hdf5Reader reader_{fixture_path("updates")};
  std::string at_ = "/" + GetParam();

  struct Run {
    Values losses;
    NamedValues change, momentum, statistics;
  };

  autograd::SgdOptions sgd_options() const {
    autograd::SgdOptions options;
    options.learning_rate = reader_.attribute_double("/", "learning_rate");
    options.momentum = reader_.attribute_double("/", "momentum");
    options.weight_decay = reader_.attribute_double("/", "weight_decay");
    options.warmup_iterations = reader_.attribute_int("/", "warmup_iterations");
    options.milestones = {static_cast<int>(reader_.attribute_int("/", "milestone"))};
    options.decay = reader_.attribute_double("/", "decay");
    return options;
  }

  void scale_heads(models::WideResNet& model) const {
    const double scale = reader_.attribute_double("/", "head_scale");
    for (autograd::Parameter* parameter : model.parameters())
      if (parameter->name == "energy_output.weight" || parameter->name == "class_output.weight") {
        Values values = values_of(parameter->value);
        for (double& value : values) value *= scale;
        engine::ops::write(values, parameter->value);
      }
  }

  Run run(DType dtype) const {
    const std::string file = reader_.attribute_string("/", "weights");
    NetworkFixture fixture(file.substr(0, file.rfind('.')), dtype, reader_.attribute_double(at_, "leak"));
    models::WideResNet& model = *fixture.model;
    scale_heads(model);
    Objective objective = read_objective(fixture.reader, "/expected/leak_0.2/mjem");
    objective.steps = static_cast<int>(reader_.attribute_int(at_, "steps"));
    const ObjectiveInputs inputs = objective_inputs(fixture);
    autograd::Sgd optimizer(fixture.context, sgd_options(), model.parameters());
    const NamedValues start = weights(model);
    Run out;
    for (std::int64_t i = 0; i < reader_.attribute_int("/", "iterations"); ++i) {
      out.losses.push_back(run_objective(fixture, objective, inputs).loss);
      optimizer.step(optimizer.learning_rate(i, i / reader_.attribute_int("/", "iterations_per_epoch")));
    }
    out.change = weights(model);
    for (std::size_t k = 0; k < start.size(); ++k) {
      for (std::size_t i = 0; i < start[k].second.size(); ++i) out.change[k].second[i] -= start[k].second[i];
      out.momentum.emplace_back(start[k].first, values_of(optimizer.velocities()[k]));
    }
    out.statistics = buffers(model);
    return out;
  }
};

class UpdatesFloat64 : public Updates {};

TEST_P(UpdatesFloat64, ChangeMomentumAndStatistics) {
  const Run computed = run(DType::fp64);
  EXPECT_LE(relative_error(computed.losses, reader_.read_at_most<double>(at_ + "/losses", 100)), kChange);
  const Bounds bounds{kChange, kChange, kChange, 0};
  EXPECT_EQ(beyond(PackedSet(reader_, at_ + "/change").errors(computed.change), bounds), "") << "w_10 - w_0";
  EXPECT_EQ(beyond(PackedSet(reader_, at_ + "/momentum").errors(computed.momentum), bounds), "")
      << "momentum";
  EXPECT_EQ(beyond(PackedSet(reader_, at_ + "/buffers").errors(computed.statistics), bounds), "")
      << "statistics";
}

// No further from the float64 run than twice the furthest of PyTorch's own float32 runs, the model as a
// whole.
class UpdatesFloat32 : public Updates {};

TEST_P(UpdatesFloat32, NoFurtherThanPyTorch) {
  const Run computed = run(DType::fp32);
  const std::vector<std::string> names = split_names(reader_.attribute_string(at_, "names"));
  const auto variants = split_names(reader_.attribute_string(at_, "float32_variants")).size();
  const Values distances =
      reader_.read<double>(at_ + "/float32_distance",
                           {static_cast<std::int64_t>(variants), static_cast<std::int64_t>(names.size())});
  const PackedSet stored(reader_, at_ + "/change");
  ASSERT_EQ(stored.names(), names);
  double sum = 0;
  for (const auto& [name, values] : computed.change) {
    const double distance = stored.distance(name, values);
    sum += distance * distance;
  }
  double furthest = 0;
  for (std::size_t v = 0; v < variants; ++v) {
    double square = 0;
    for (std::size_t k = 0; k < names.size(); ++k)
      square += distances[v * names.size() + k] * distances[v * names.size() + k];
    furthest = std::max(furthest, std::sqrt(square));
  }
  EXPECT_LE(std::sqrt(sum), 2 * furthest);
}

std::string run_name(const testing::TestParamInfo<std::string>& run) {
  std::string name = run.param;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Runs, UpdatesFloat64, testing::Values("steps_2_leak_0.2", "steps_0_leak_1"),
                         run_name);
INSTANTIATE_TEST_SUITE_P(Runs, UpdatesFloat32,
                         testing::Values("steps_0_leak_0.2", "steps_2_leak_0.2", "steps_0_leak_1"), run_name);

}  // namespace
}  // namespace mebm::golden

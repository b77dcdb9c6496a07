#pragma once
// A network file opened through the program's own checkpoint reader, and what the tests do with it.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "autograd/tape.h"
#include "ebm/checkpoint.h"
#include "ebm/training_loss.h"
#include "engine/device/context.h"
#include "engine/io/hdf5.h"
#include "models/wide_resnet.h"
#include "tests/golden/comparison.h"

namespace mebm::golden {

// tests/golden/<name>.h5
std::string fixture_path(const std::string& name);
const std::vector<std::string>& network_names();

// Every network with both slopes in both types; slope 1 in fp64, where slope 0.2 says more, only for the
// smallest. fp32 by direct convolutions, and by Winograd's algorithm in three networks.
struct NetworkCase {
  std::string network;
  double leak;
  engine::DType dtype;
  engine::ConvolutionChoice convolution = engine::ConvolutionChoice::direct;

  bool exact() const { return dtype == engine::DType::fp64; }
  bool winograd() const { return convolution == engine::ConvolutionChoice::winograd; }
  // The specification's bound on values of one forward pass.
  double value_bound() const;
};
std::vector<NetworkCase> network_cases();
std::string network_case_name(const testing::TestParamInfo<NetworkCase>& info);
void PrintTo(const NetworkCase& network_case, std::ostream* out);

Values values_of(const engine::Tensor& tensor);  // any layout, N,C,H,W order
engine::Tensor tensor_of(engine::Context& context, const Values& values, const engine::Shape& shape,
                         engine::DType dtype);

class NetworkFixture {
 public:
  // The network with the slope `leak`; its weights and statistics as stored.
  NetworkFixture(const std::string& name, engine::DType dtype, double leak,
                 engine::ConvolutionChoice convolution = engine::ConvolutionChoice::direct);

  // Parameters and running statistics as stored again.
  void reload() { checkpoint_.load_model(*model); }
  const std::string& name() const { return name_; }
  engine::DType dtype() const { return model->dtype(); }
  // /expected/leak_<leak>/<path>
  std::string expected(const std::string& path) const;
  // /expected/input/<name> as a tensor of the network's type, and as labels.
  engine::Tensor input(const std::string& what);
  engine::Tensor labels(const std::string& what);

  engine::Hdf5Reader reader;  // the file, as HDF5
  engine::Context context;
  autograd::Tape tape;
  std::unique_ptr<models::WideResNet> model;

 private:
  std::string name_;
  double leak_;
  ebm::CheckpointReader checkpoint_;
};

// What the network holds, by name. Gradients: of the parameters the last backward pass reached.
NamedValues gradients(models::WideResNet& model);
NamedValues weights(models::WideResNet& model);
NamedValues buffers(models::WideResNet& model);  // num_batches_tracked as one value

// An objective of the fixtures (attributes of its group).
struct Objective {
  models::EnergyKind energy = models::EnergyKind::head;
  double l2_coefficient = 0;
  std::string l2_form;
  double classifier_weight = 0;
  int steps = 0;
};
Objective read_objective(const engine::Hdf5Reader& reader, const std::string& group);

struct ObjectiveInputs {
  engine::Tensor positive, start, labelled, labels;
};
ObjectiveInputs objective_inputs(NetworkFixture& fixture);

struct ObjectiveResult {
  double loss = 0, energy_positive = 0, energy_negative = 0, cross_entropy = 0;
  Values energies_positive, energies_negative;
  NamedValues states;  // state_0 = the start, ... state_K
};
// The chain alone: `states` of the result, the statistics in their slots.
ObjectiveResult run_chain(NetworkFixture& fixture, const Objective& objective, const ObjectiveInputs& inputs);
// One iteration up to and with the folding of the statistics, through the functions that training calls:
// sampler, grouped pass, loss, backward. Gradients are left in the parameters.
// `plant` may change the rows' arrangement: the tests of the tests plant bugs there.
ObjectiveResult run_objective(NetworkFixture& fixture, const Objective& objective,
                              const ObjectiveInputs& inputs,
                              const std::function<void(ebm::TrainingRows&)>& plant = {});

}  // namespace mebm::golden

#include "tests/golden/network_fixture.h"

#include <fmt/format.h>

#include "ebm/langevin_sampler.h"
#include "engine/ops/dense.h"
#include "engine/ops/elementwise.h"

namespace mebm::golden {

using engine::DType;
using engine::Shape;
using engine::Tensor;
namespace ops = engine::ops;

std::string fixture_path(const std::string& name) {
  return std::string(MEBM_SOURCE_DIR) + "/tests/golden/" + name + ".h5";
}

const std::vector<std::string>& network_names() {
  static const std::vector<std::string> names = {
      "wrn10_1_batch", "wrn10_2_batch", "wrn10_3_batch_1channel", "wrn10_1_batch_4stages", "wrn16_1_batch",
      "wrn10_1_none",  "wrn10_2_none"};
  return names;
}

std::vector<NetworkCase> network_cases() {
  std::vector<NetworkCase> cases;
  for (const std::string& name : network_names())
    for (double leak : {0.2, 1.0})
      for (DType dtype : {DType::fp64, DType::fp32})
        if (leak != 1 || dtype == DType::fp32 || name == "wrn10_1_batch" || name == "wrn10_1_none")
          cases.push_back({name, leak, dtype});
  for (const char* name : {"wrn10_2_batch", "wrn10_1_batch_4stages", "wrn10_2_none"})
    for (double leak : {0.2, 1.0})
      cases.push_back({name, leak, DType::fp32, engine::ConvolutionChoice::winograd});
  return cases;
}

std::string network_case_name(const testing::TestParamInfo<NetworkCase>& info) {
  const NetworkCase& c = info.param;
  return c.network + (c.leak == 1 ? "_leak1_" : "_") + std::string(name_of(c.dtype)) +
         (c.winograd() ? "_winograd" : "");
}

double NetworkCase::value_bound() const {
  return exact() ? kExact : winograd() ? 1e-4 : 1e-5;
}

void PrintTo(const NetworkCase& network_case, std::ostream* out) {
  *out << network_case.network << ", leak " << network_case.leak << ", " << name_of(network_case.dtype)
       << (network_case.winograd() ? ", winograd" : "");
}

Values values_of(const Tensor& tensor) {
  Values values(static_cast<std::size_t>(tensor.elements()));
  ops::read(tensor, values);
  return values;
}

Tensor tensor_of(engine::Context& context, const Values& values, const Shape& shape, DType dtype) {
  Tensor tensor = context.empty(shape, dtype);
  ops::write(values, tensor);
  return tensor;
}

namespace {

models::WideResNetConfig with_leak(models::WideResNetConfig config, double leak) {
  config.leak = leak;
  return config;
}

}  // namespace

NetworkFixture::NetworkFixture(const std::string& name, DType dtype, double leak,
                               engine::ConvolutionChoice convolution)
    : reader(fixture_path(name)),
      context({.device = {}, .convolution = convolution}),
      tape(context),
      name_(name),
      leak_(leak),
      checkpoint_(fixture_path(name)) {
  model =
      std::make_unique<models::WideResNet>(context, with_leak(checkpoint_.model().network, leak), dtype, 1);
  reload();
}

std::string NetworkFixture::expected(const std::string& path) const {
  return fmt::format("/expected/leak_{:g}{}{}", leak_, path.empty() ? "" : "/", path);
}

Tensor NetworkFixture::input(const std::string& what) {
  const std::string path = "/expected/input/" + what;
  const engine::Hdf5Shape shape = reader.shape(path);
  return tensor_of(context, reader.read<double>(path, shape),
                   {shape.at(0), shape.at(1), shape.at(2), shape.at(3)}, dtype());
}

Tensor NetworkFixture::labels(const std::string& what) {
  return ops::make_labels(context, reader.read_at_most<std::int32_t>("/expected/input/" + what, 1000),
                          model->config().num_classes);
}

NamedValues gradients(models::WideResNet& model) {
  NamedValues out;
  for (const autograd::Parameter* parameter : model.parameters())
    if (parameter->has_gradient())
      out.emplace_back(parameter->name, values_of(parameter->gradient));
    else if (parameter->reached)
      out.emplace_back(parameter->name,
                       std::vector<double>(static_cast<std::size_t>(parameter->value.elements()), 0.0));
  return out;
}

NamedValues weights(models::WideResNet& model) {
  NamedValues out;
  for (const autograd::Parameter* parameter : model.parameters())
    out.emplace_back(parameter->name, values_of(parameter->value));
  return out;
}

NamedValues buffers(models::WideResNet& model) {
  NamedValues out;
  for (const models::NamedBuffer& buffer : model.buffers())
    out.emplace_back(buffer.name, buffer.tensor != nullptr ? values_of(*buffer.tensor)
                                                           : Values{static_cast<double>(*buffer.counter)});
  return out;
}

Objective read_objective(const engine::Hdf5Reader& reader, const std::string& group) {
  return {models::parse_energy_kind(reader.attribute_string(group, "energy")),
          reader.attribute_double(group, "l2_coefficient"), reader.attribute_string(group, "l2_form"),
          reader.attribute_double(group, "classifier_weight"),
          static_cast<int>(reader.attribute_int(group, "steps"))};
}

ObjectiveInputs objective_inputs(NetworkFixture& fixture) {
  return {fixture.input("positive"), fixture.input("start"), fixture.input("labelled"),
          fixture.labels("labels")};
}

namespace {

ebm::TrainingRows arrange(const Objective& objective, const ObjectiveInputs& inputs) {
  return ebm::arrange_rows(inputs.positive.extent(0),
                           objective.classifier_weight != 0 ? inputs.labelled.extent(0) : 0, objective.steps);
}

}  // namespace

ObjectiveResult run_chain(NetworkFixture& fixture, const Objective& objective,
                          const ObjectiveInputs& inputs) {
  const ebm::TrainingRows rows = arrange(objective, inputs);
  fixture.model->reserve_statistics(rows.slots);
  ObjectiveResult result;
  Tensor chains = ops::clone(fixture.context, inputs.start);
  result.states.emplace_back("state_0", values_of(chains));
  ebm::LangevinOptions options;
  options.steps = objective.steps;
  options.noise = 0;
  options.energy = objective.energy;
  ebm::LangevinRun run;
  run.first_statistics_slot = rows.first_chain_slot;
  ebm::LangevinSampler(fixture.tape, options)
      .run(*fixture.model, run, Tensor(), chains, [&](int step, const Tensor&) {
        result.states.emplace_back(fmt::format("state_{}", step + 1), values_of(chains));
      });
  return result;
}

ObjectiveResult run_objective(NetworkFixture& fixture, const Objective& objective,
                              const ObjectiveInputs& inputs,
                              const std::function<void(ebm::TrainingRows&)>& plant) {
  ObjectiveResult result = run_chain(fixture, objective, inputs);
  engine::Context& context = fixture.context;
  models::WideResNet& model = *fixture.model;
  ebm::TrainingRows rows = arrange(objective, inputs);
  if (plant) plant(rows);
  const std::int64_t n = rows.positives;
  const Tensor chains =
      tensor_of(context, result.states.back().second, inputs.start.shape(), fixture.dtype());

  Tensor images = context.empty(inputs.positive.shape().with_rows(rows.pass.groups.rows()), fixture.dtype());
  const auto place = [&](const Tensor& from, std::int64_t first) {
    Tensor to = images.rows(first, from.extent(0));
    ops::copy(context, from, to, engine::WriteMode::overwrite);
  };
  place(inputs.positive, 0);
  place(chains, n);
  if (rows.labelled > 0) place(inputs.labelled, 2 * n);

  ebm::ObjectiveConfig config;
  config.l2_coefficient = objective.l2_coefficient;
  config.l2_form = objective.l2_form;
  config.classifier_weight = objective.classifier_weight;
  fixture.tape.clear();
  model.zero_gradients();
  const ebm::TrainingLoss loss =
      ebm::training_loss(fixture.tape, model, images, inputs.labels, rows, objective.energy, config);
  fixture.tape.backward(loss.loss);
  fixture.tape.clear();
  model.fold_statistics(rows.slots);

  result.loss = ops::scalar(loss.loss.value);
  const auto mean_of = [&](std::int64_t first) {
    return ops::sum(context, loss.energies.rows(first, n)) / static_cast<double>(n);
  };
  result.energy_positive = mean_of(0);
  result.energy_negative = mean_of(n);
  result.cross_entropy = rows.labelled > 0 ? ops::scalar(loss.cross_entropy) : 0;
  result.energies_positive = values_of(loss.energies.rows(0, n));
  result.energies_negative = values_of(loss.energies.rows(n, n));
  return result;
}

}  // namespace mebm::golden

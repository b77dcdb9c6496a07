#include "tools/trace.h"

#include "engine/io/checkpoint_file.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/sampling.h"

namespace mebm::tools {

using engine::Tensor;

TraceWriter::TraceWriter(engine::Context& context, ebm::Trainer& trainer, const std::string& config_toml)
    : context_(context), trainer_(trainer) {
  writer_.set_attribute("/", "format", "mebm-trace");
  writer_.set_attribute("/", "version", 1);
  writer_.set_attribute("/", "config", config_toml);
  writer_.set_attribute("/", "first_iteration", trainer.iteration());
  write_state("/start");
}

void TraceWriter::write_state(const std::string& group) {
  ebm::CheckpointContents state = trainer_.checkpoint_contents("");
  const auto parameters = state.model->parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    ebm::write_tensor(writer_, group + "/model/parameters/" + parameters[i]->name, parameters[i]->value);
    ebm::write_tensor(writer_, group + "/optimizer/momentum/" + parameters[i]->name, state.velocities[i]);
  }
  for (const models::NamedBuffer& buffer : state.model->buffers())
    if (buffer.tensor != nullptr)
      ebm::write_tensor(writer_, group + "/model/buffers/" + buffer.name, *buffer.tensor);
  if (state.buffer != nullptr)
    ebm::write_tensor(writer_, group + "/replay_buffer/images", state.buffer->images());
}

void TraceWriter::write_chains(const std::string& group, std::int64_t iteration,
                               const ebm::IterationChoices& choices) {
  const ebm::ChainBatch& chains = *choices.chains;
  const auto batch = static_cast<std::int64_t>(chains.rows.size());
  writer_.write(group + "/buffer_index", {batch}, chains.rows.data());
  writer_.write(group + "/restart", {batch}, chains.restarted.data());
  Tensor draws = context_.empty(choices.chain_starts.shape(), choices.chain_starts.dtype());
  engine::ops::fill(context_, 0, draws);
  for (std::int64_t j = 0; j < batch; ++j) {
    if (chains.restarted[static_cast<std::size_t>(j)] == 0) continue;
    Tensor row = draws.rows(j, 1);
    engine::ops::copy(context_, choices.chain_starts.rows(j, 1), row, engine::WriteMode::overwrite);
  }
  ebm::write_tensor(writer_, group + "/initial_draw", draws);
  const auto key = engine::PhiloxKey(trainer_.config().run.seed);
  const engine::Shape& shape = chains.images.shape();
  const int steps = trainer_.config().sampler.steps;
  std::vector<double> noise(static_cast<std::size_t>(steps * shape.elements()));
  Tensor normals = context_.empty(shape, chains.images.dtype());
  for (int k = 0; k < steps; ++k) {
    engine::ops::fill_normal(context_, key, engine::RandomPurpose::langevin_noise,
                             static_cast<std::uint32_t>(iteration), static_cast<std::uint32_t>(k), 0,
                             normals);
    engine::ops::read(normals, std::span(noise).subspan(static_cast<std::size_t>(k * shape.elements()),
                                                        static_cast<std::size_t>(shape.elements())));
  }
  writer_.write(group + "/noise", {steps, shape[0], shape[1], shape[2], shape[3]}, noise.data());
}

void TraceWriter::write_crops(const std::string& path, const std::vector<data::Crop>& crops) {
  if (crops.empty()) return;
  std::vector<std::int32_t> values;
  for (const data::Crop& crop : crops)
    values.insert(values.end(), {crop.row, crop.column, crop.flip ? 1 : 0});
  writer_.write(path, {static_cast<std::int64_t>(crops.size()), 3}, values.data());
}

namespace {

std::string group_of(std::int64_t iteration) {
  return "/iteration/" + std::to_string(iteration);
}

}  // namespace

void TraceWriter::iteration_begun(std::int64_t iteration, const ebm::IterationChoices& choices) {
  const std::string group = group_of(iteration);
  writer_.make_group(group);
  if (choices.chains != nullptr) write_chains(group, iteration, choices);
  if (choices.positives != nullptr)
    writer_.write(group + "/positive_index", {static_cast<std::int64_t>(choices.positives->indices.size())},
                  choices.positives->indices.data());
  if (choices.positives != nullptr) write_crops(group + "/positive_crop", choices.positives->crops);
  if (choices.labelled != nullptr) {
    const ebm::DataBatch& batch = *choices.labelled;
    const auto count = static_cast<std::int64_t>(batch.indices.size());
    writer_.write(group + "/labelled_index", {count}, batch.indices.data());
    write_crops(group + "/crop", batch.crops);
  }
}

void TraceWriter::write_result(const ebm::IterationResult& result) {
  const std::string group = group_of(result.iteration);
  const auto scalar = [&](const char* name, double value) { writer_.write(group + "/" + name, {}, &value); };
  scalar("learning_rate", result.learning_rate);
  scalar("loss", result.loss);
  scalar("energy_positive", result.energy_positive);
  scalar("energy_negative", result.energy_negative);
  scalar("cross_entropy", result.cross_entropy);
}

void TraceWriter::finish(const std::filesystem::path& path) {
  write_state("/end");
  engine::write_file(path, writer_);
}

}  // namespace mebm::tools

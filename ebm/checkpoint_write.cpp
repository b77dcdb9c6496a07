#include "ebm/checkpoint.h"
#include "ebm/checkpoint_keys.h"
#include "engine/io/checkpoint_file.h"
#include "engine/ops/elementwise.h"

namespace mebm::ebm {

using engine::DType;
using engine::Hdf5Shape;
using engine::Hdf5Writer;
using engine::Tensor;

void write_tensor(Hdf5Writer& writer, const std::string& path, const Tensor& tensor) {
  Hdf5Shape shape;
  for (int i = 0; i < tensor.shape().rank(); ++i) shape.push_back(tensor.shape()[i]);
  const auto write = [&]<typename T>() {
    if (tensor.plain_on_host())
      writer.write(path, shape, tensor.as<T>());
    else
      writer.write(path, shape, engine::ops::values<T>(tensor).data());
  };
  if (tensor.dtype() == DType::fp64)
    write.operator()<double>();
  else
    write.operator()<float>();
}

namespace {

void write_model(Hdf5Writer& writer, models::WideResNet& model, const std::string& energy) {
  const models::WideResNetConfig& c = model.config();
  writer.make_group(keys::kModel);
  writer.set_attribute(keys::kModel, "architecture", "wide_resnet");
  writer.set_attribute(keys::kModel, "depth", c.depth);
  writer.set_attribute(keys::kModel, "width", c.width);
  writer.set_attribute(keys::kModel, "stages", c.stages);
  writer.set_attribute(keys::kModel, "norm", c.norm);
  writer.set_attribute(keys::kModel, "num_classes", c.num_classes);
  writer.set_attribute(keys::kModel, "in_channels", c.in_channels);
  writer.set_attribute(keys::kModel, "image_size", c.image_size);
  writer.set_attribute(keys::kModel, "energy", energy);
  writer.set_attribute(keys::kModel, "leak", c.leak);
  writer.set_attribute(keys::kModel, "norm_momentum", c.norm_momentum);
  writer.set_attribute(keys::kModel, "norm_eps", c.norm_eps);
  for (const autograd::Parameter* parameter : model.parameters())
    write_tensor(writer, keys::kParameters + parameter->name, parameter->value);
  for (const models::NamedBuffer& buffer : model.buffers()) {
    if (buffer.tensor != nullptr)
      write_tensor(writer, keys::kBuffers + buffer.name, *buffer.tensor);
    else
      writer.write(keys::kBuffers + buffer.name, {}, buffer.counter);
  }
}

// float_factor: the factor in fp32, as an fp32 run draws with it; else fp64.
void write_initial(Hdf5Writer& writer, const InitialDistribution& initial, bool float_factor) {
  const std::string group = keys::kInitial;
  const ImageShape shape = initial.image_shape();
  writer.make_group(group);
  writer.set_attribute(group, "kind", initial.kind());
  writer.set_attribute(group, "block", 1);
  writer.set_attribute(group, "channels", shape.channels);
  writer.set_attribute(group, "height", shape.height);
  writer.set_attribute(group, "width", shape.width);
  const auto* gaussian = dynamic_cast<const GaussianInitialDistribution*>(&initial);
  if (gaussian == nullptr) return;
  const GaussianMoments& m = gaussian->moments();
  const auto d = static_cast<std::int64_t>(m.mean.size());
  const Hdf5Shape mean_shape{shape.channels, shape.height, shape.width};
  writer.set_attribute(group, "jitter", m.jitter);
  writer.set_attribute(group, "count", m.count);
  if (!float_factor) {
    writer.write(group + "/mean", mean_shape, m.mean.data());
    writer.write(group + "/factor", {d, d}, m.factor.data());
    return;
  }
  const std::vector<float> mean(m.mean.begin(), m.mean.end()), factor(m.factor.begin(), m.factor.end());
  writer.write(group + "/mean", mean_shape, mean.data());
  writer.write(group + "/factor", {d, d}, factor.data());
}

void write_root(Hdf5Writer& writer, const char* format, const std::string& created) {
  writer.set_attribute("/", "format", format);
  writer.set_attribute("/", "version", keys::kVersion);
  writer.set_attribute("/", "engine_version", MEBM_VERSION);
  writer.set_attribute("/", "created", created);
}

}  // namespace

std::uint64_t checkpoint_bytes(const CheckpointContents& contents) {
  std::uint64_t bytes = std::uint64_t{1} << 20;
  for (const autograd::Parameter* parameter : contents.model->parameters())
    bytes += 2 * parameter->value.bytes();
  if (contents.buffer != nullptr)
    bytes += contents.buffer->images().bytes() + 4 * contents.buffer->ages().size();
  if (const auto* gaussian = dynamic_cast<const GaussianInitialDistribution*>(contents.initial))
    bytes += gaussian->moments().factor.size() * size_of(contents.model->dtype());
  return bytes;
}

void write_checkpoint(const std::filesystem::path& path, const CheckpointContents& contents) {
  Hdf5Writer writer(checkpoint_bytes(contents));
  write_root(writer, keys::kCheckpointFormat, contents.created);
  writer.set_attribute("/", "config", contents.config_toml);
  writer.set_attribute("/", "iteration", contents.iteration);
  writer.set_attribute("/", "epoch", contents.epoch);
  if (!contents.data_digest.empty()) writer.set_attribute("/", "data_digest", contents.data_digest);
  if (contents.best_validation_accuracy >= 0)
    writer.set_attribute("/", "best_validation_accuracy", contents.best_validation_accuracy);
  write_model(writer, *contents.model, contents.energy);
  const auto parameters = contents.model->parameters();
  for (std::size_t i = 0; i < contents.velocities.size(); ++i)
    write_tensor(writer, std::string(keys::kMomentum) + "/" + parameters[i]->name, contents.velocities[i]);
  if (contents.buffer != nullptr) {
    const std::string group = keys::kReplayBuffer;
    write_tensor(writer, group + "/images", contents.buffer->images());
    writer.write(group + "/ages", {contents.buffer->size()}, contents.buffer->ages().data());
  }
  if (contents.initial != nullptr)
    write_initial(writer, *contents.initial, contents.model->dtype() == DType::fp32);
  const RunEnvironment& e = contents.environment;
  writer.make_group(keys::kRandom);
  writer.set_attribute(keys::kRandom, "generator", "philox4x32-10");
  writer.set_attribute(keys::kRandom, "seed", std::to_string(e.seed));
  writer.make_group(keys::kEnvironment);
  writer.set_attribute(keys::kEnvironment, "precision", e.precision);
  writer.set_attribute(keys::kEnvironment, "processor", e.processor);
  writer.set_attribute(keys::kEnvironment, "convolution", e.convolution);
  writer.set_attribute(keys::kEnvironment, "threads", e.threads);
  engine::write_file(path, writer);
}

void write_initial_distribution(const std::filesystem::path& path, const std::string& created,
                                const InitialDistribution& initial) {
  Hdf5Writer writer;
  write_root(writer, keys::kInitialFormat, created);
  write_initial(writer, initial, false);
  engine::write_file(path, writer);
}

}  // namespace mebm::ebm

#include <algorithm>
#include <cmath>

#include "ebm/checkpoint.h"
#include "ebm/checkpoint_keys.h"
#include "ebm/initial_distribution_read.h"
#include "engine/io/checkpoint_file.h"
#include "engine/ops/elementwise.h"

namespace mebm::ebm {

using engine::DType;
using engine::fail_input;
using engine::Hdf5Reader;
using engine::Hdf5Shape;
using engine::Tensor;

namespace {

void check_version(const Hdf5Reader& reader) {
  const std::int64_t version = reader.attribute_int("/", "version");
  if (version != keys::kVersion)
    fail_input("{}: format version {} is not supported; this program reads version {}", reader.file(),
               version, keys::kVersion);
}

void check_format(const Hdf5Reader& reader) {
  const std::string format = reader.optional_string("/", "format").value_or("");
  if (format != keys::kCheckpointFormat)
    fail_input("{}: is no checkpoint: its attribute format is '{}', expected '{}'", reader.file(), format,
               keys::kCheckpointFormat);
  check_version(reader);
}

// Reads a dataset of the tensor's shape into it, through fp64 so that no value is lost, and refuses
// non-finite ones.
void read_tensor(const Hdf5Reader& reader, const std::string& path, Tensor& tensor) {
  Hdf5Shape shape;
  for (int i = 0; i < tensor.shape().rank(); ++i) shape.push_back(tensor.shape()[i]);
  const auto read = [&]<typename T>() {
    std::vector<T> staged(tensor.plain_on_host() ? 0 : static_cast<std::size_t>(tensor.elements()));
    T* values = tensor.plain_on_host() ? tensor.as<T>() : staged.data();
    reader.read_into(path, shape, values);
    for (std::int64_t i = 0; i < tensor.elements(); ++i)
      if (!std::isfinite(values[i]))
        fail_input("{}: {} holds {} at element {}; weights must be finite", reader.file(), path, values[i],
                   i);
    if (!staged.empty()) engine::ops::assign<T>(staged, tensor);
  };
  if (tensor.dtype() == DType::fp64)
    read.operator()<double>();
  else
    read.operator()<float>();
  tensor.bump_version();
}

void require_variances(const Hdf5Reader& reader, const std::string& path, const Tensor& tensor) {
  std::vector<double> values(static_cast<std::size_t>(tensor.elements()));
  engine::ops::read(tensor, values);
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i] < 0)
      fail_input("{}: {} holds {} at element {}; a variance is not negative", reader.file(), path, values[i],
                 i);
}

int bounded_int(const Hdf5Reader& reader, const char* name, std::int64_t low, std::int64_t high) {
  const std::int64_t value = reader.attribute_int(keys::kModel, name);
  if (value < low || value > high)
    fail_input("{}: /model attribute {} = {} is outside {} ... {}", reader.file(), name, value, low, high);
  return static_cast<int>(value);
}

// The first of a few telling parameters that does not fit the network, as "; <name> is ...", or "".
std::string first_misfit(const Hdf5Reader& reader, const models::WideResNetConfig& c) {
  std::vector<std::pair<std::string, Hdf5Shape>> telling = {
      {"f.conv1.weight", {16, c.in_channels, 3, 3}},
      {"f.layer1.0.conv1.weight", {std::int64_t{16} * c.width, 16, 3, 3}},
      {"energy_output.weight", {1, c.feature_count()}}};
  if (c.num_classes > 0) telling.push_back({"class_output.weight", {c.num_classes, c.feature_count()}});
  for (const auto& [name, wanted] : telling) {
    const std::string path = keys::kParameters + name;
    if (!reader.exists(path)) return fmt::format("; {} is missing", name);
    if (const Hdf5Shape found = reader.shape(path); found != wanted)
      return fmt::format("; {} is {}, expected {}", name, engine::to_string(found),
                         engine::to_string(wanted));
  }
  return "";
}

}  // namespace

CheckpointReader::CheckpointReader(const std::filesystem::path& path)
    : path_(path), reader_(engine::open_checked(path)) {
  check_format(reader_);
}

CheckpointReader::CheckpointReader(std::span<const std::byte> file, const std::string& name)
    : path_(name), reader_(file, name) {
  check_format(reader_);
}

ModelDescription CheckpointReader::model() const {
  if (!reader_.exists(keys::kModel)) fail_input("{}: there is no /model group", path_.string());
  ModelDescription description;
  const std::string architecture = reader_.attribute_string(keys::kModel, "architecture");
  if (architecture != "wide_resnet")
    fail_input("{}: /model architecture '{}' is unknown; known: wide_resnet", path_.string(), architecture);
  models::WideResNetConfig& c = description.network;
  c.depth = bounded_int(reader_, "depth", 10, 1000);
  c.width = bounded_int(reader_, "width", 1, 64);
  c.stages = bounded_int(reader_, "stages", 3, 4);
  c.norm = reader_.attribute_string(keys::kModel, "norm");
  c.num_classes = bounded_int(reader_, "num_classes", 0, 100000);
  c.in_channels = bounded_int(reader_, "in_channels", 1, 16);
  c.image_size = bounded_int(reader_, "image_size", 8, 1024);
  c.leak = reader_.attribute_double(keys::kModel, "leak");
  c.norm_momentum = reader_.optional_double(keys::kModel, "norm_momentum").value_or(0.9);
  c.norm_eps = reader_.optional_double(keys::kModel, "norm_eps").value_or(1e-5);
  description.energy = reader_.attribute_string(keys::kModel, "energy");
  try {
    c.validate();
    models::parse_energy_kind(description.energy);
  } catch (const engine::InputError& e) {
    fail_input("{}: {}", path_.string(), e.what());
  }
  // The file must hold what its attributes promise before a network of that size is made.
  const std::string stem = std::string(keys::kParameters) + "f.conv1.weight";
  if (!reader_.exists(stem)) fail_input("{}: {} is missing", path_.string(), stem);
  description.fp64 = reader_.dataset(stem).type == engine::Hdf5Type::f64;
  std::int64_t stored = 0;
  for (const engine::Hdf5Entry& entry : reader_.list("/model/parameters")) {
    std::int64_t count = 1;
    for (std::int64_t extent : entry.shape) count *= extent;
    stored += entry.kind == engine::Hdf5Kind::dataset ? count : 0;
  }
  if (stored != c.parameter_count())
    fail_input("{}: /model/parameters hold {} values, a WRN-{}-{} with {} stages and {} classes has {}{}",
               path_.string(), stored, c.depth, c.width, c.stages, c.num_classes, c.parameter_count(),
               first_misfit(reader_, c));
  return description;
}

std::int64_t CheckpointReader::read_counter(const std::string& path) const {
  const std::vector<std::int64_t> values = reader_.read_at_most<std::int64_t>(path, 1);
  if (values.size() != 1)
    fail_input("{}: {} holds {} values, expected 1", path_.string(), path, values.size());
  return values[0];
}

void CheckpointReader::load_model(models::WideResNet& model) const {
  for (autograd::Parameter* parameter : model.parameters())
    read_tensor(reader_, keys::kParameters + parameter->name, parameter->value);
  for (const models::NamedBuffer& buffer : model.buffers()) {
    const std::string path = keys::kBuffers + buffer.name;
    if (buffer.tensor != nullptr) {
      read_tensor(reader_, path, *buffer.tensor);
      if (path.ends_with("running_var")) require_variances(reader_, path, *buffer.tensor);
    } else if (reader_.exists(path))
      *buffer.counter = read_counter(path);
  }
}

void CheckpointReader::load_momentum(models::WideResNet& model, std::span<Tensor> velocities) const {
  const auto parameters = model.parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i)
    read_tensor(reader_, std::string(keys::kMomentum) + "/" + parameters[i]->name, velocities[i]);
}

bool CheckpointReader::has_buffer() const {
  return reader_.exists(std::string(keys::kReplayBuffer) + "/images");
}

std::int64_t CheckpointReader::buffer_size() const {
  const Hdf5Shape shape = reader_.shape(std::string(keys::kReplayBuffer) + "/images");
  return shape.empty() ? 0 : shape[0];
}

void CheckpointReader::load_buffer(ReplayBuffer& buffer) const {
  const std::string group = keys::kReplayBuffer;
  read_tensor(reader_, group + "/images", buffer.images());
  if (reader_.exists(group + "/ages"))
    buffer.ages() = reader_.read<std::int32_t>(group + "/ages", {buffer.size()});
}

bool CheckpointReader::has_initial_distribution() const {
  return reader_.exists(keys::kInitial);
}

std::unique_ptr<InitialDistribution> CheckpointReader::initial_distribution(engine::Context& context,
                                                                            DType dtype) const {
  const models::WideResNetConfig network = model().network;
  return read_initial(reader_, context, dtype, {network.in_channels, network.image_size, network.image_size});
}

std::optional<std::string> CheckpointReader::config_toml() const {
  return reader_.optional_string("/", "config");
}
std::int64_t CheckpointReader::iteration() const {
  return reader_.optional_int("/", "iteration").value_or(0);
}
std::int64_t CheckpointReader::epoch() const {
  return reader_.optional_int("/", "epoch").value_or(0);
}

double CheckpointReader::best_validation_accuracy() const {
  return reader_.optional_double("/", "best_validation_accuracy").value_or(-1);
}

std::string CheckpointReader::data_digest() const {
  return reader_.optional_string("/", "data_digest").value_or("");
}

std::optional<RunEnvironment> CheckpointReader::environment() const {
  if (!reader_.exists(keys::kEnvironment)) return std::nullopt;
  RunEnvironment e;
  const std::string seed = reader_.attribute_string(keys::kRandom, "seed");
  e.seed = std::strtoull(seed.c_str(), nullptr, 10);
  e.precision = reader_.attribute_string(keys::kEnvironment, "precision");
  e.processor = reader_.attribute_string(keys::kEnvironment, "processor");
  e.convolution = reader_.attribute_string(keys::kEnvironment, "convolution");
  e.threads = static_cast<int>(reader_.attribute_int(keys::kEnvironment, "threads"));
  return e;
}

std::unique_ptr<InitialDistribution> read_initial_distribution(const std::filesystem::path& path,
                                                               engine::Context& context, DType dtype,
                                                               const ImageShape& expected) {
  const Hdf5Reader reader = engine::open_checked(path);
  if (reader.has_attribute("/", "version")) check_version(reader);
  if (!reader.exists(keys::kInitial))
    fail_input("{}: there is no {} group; make one with 'mebm_engine fit-init --data DIR --out init.h5'",
               path.string(), keys::kInitial);
  return read_initial(reader, context, dtype, expected);
}

}  // namespace mebm::ebm

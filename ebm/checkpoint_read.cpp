#include <algorithm>
#include <cmath>

#include "ebm/checkpoint.h"
#include "ebm/checkpoint_keys.h"
#include "engine/io/checkpoint_file.h"
#include "engine/ops/gaussian.h"

namespace mebm::ebm {

using engine::DType;
using engine::fail_input;
using engine::Hdf5Reader;
using engine::Hdf5Shape;
using engine::Tensor;

namespace {

constexpr std::int64_t kMaxDimension = 65536;  // of a Gaussian over pixels: 256 x 256 grey, 147 x 147 colour

void check_version(const Hdf5Reader& reader) {
  const std::int64_t version = reader.attribute_int("/", "version");
  if (version != keys::kVersion)
    fail_input("{}: format version {} is not supported; this program reads version {}", reader.file(),
               version, keys::kVersion);
}

void check_format(const Hdf5Reader& reader) {
  const std::string format = reader.optional_string("/", "format").value_or("");
  if (format != keys::kCheckpointFormat)
    fail_input("{}: root attribute format is '{}', expected '{}'", reader.file(), format,
               keys::kCheckpointFormat);
  check_version(reader);
}

// Reads a dataset of the tensor's shape into it, through fp64 so that no value is lost, and refuses
// non-finite ones.
void read_tensor(const Hdf5Reader& reader, const std::string& path, Tensor& tensor) {
  Hdf5Shape shape;
  for (int i = 0; i < tensor.shape().rank(); ++i) shape.push_back(tensor.shape()[i]);
  const auto check = [&](const auto* values) {
    for (std::int64_t i = 0; i < tensor.elements(); ++i)
      if (!std::isfinite(values[i]))
        fail_input("{}: {} holds {} at element {}; weights must be finite", reader.file(), path, values[i],
                   i);
  };
  if (tensor.dtype() == DType::fp64) {
    reader.read_into(path, shape, tensor.as<double>());
    check(tensor.as<double>());
  } else {
    reader.read_into(path, shape, tensor.as<float>());
    check(tensor.as<float>());
  }
  tensor.bump_version();
}

void require_variances(const Hdf5Reader& reader, const std::string& path, const Tensor& tensor) {
  for (std::int64_t i = 0; i < tensor.elements(); ++i) {
    const double value = tensor.dtype() == DType::fp64 ? tensor.as<double>()[i] : tensor.as<float>()[i];
    if (value < 0)
      fail_input("{}: {} holds {} at element {}; a variance is not negative", reader.file(), path, value, i);
  }
}

int bounded_int(const Hdf5Reader& reader, const char* name, std::int64_t low, std::int64_t high) {
  const std::int64_t value = reader.attribute_int(keys::kModel, name);
  if (value < low || value > high)
    fail_input("{}: /model attribute {} = {} is outside {} ... {}", reader.file(), name, value, low, high);
  return static_cast<int>(value);
}

// The images a stored distribution is for: the shape of `mean` [C,H,W], else the attributes channels, height,
// width, else `expected`.
ImageShape initial_shape(const Hdf5Reader& reader, const std::string& group, const ImageShape& expected) {
  const bool has_mean = reader.exists(group + "/mean");
  const Hdf5Shape mean = has_mean ? reader.shape(group + "/mean") : Hdf5Shape{};
  std::int64_t extents[3] = {expected.channels, expected.height, expected.width};
  if (mean.size() == 3) {
    std::copy(mean.begin(), mean.end(), extents);
  } else if (reader.has_attribute(group, "channels")) {
    extents[0] = reader.attribute_int(group, "channels");
    extents[1] = reader.attribute_int(group, "height");
    extents[2] = reader.attribute_int(group, "width");
  }
  for (std::int64_t extent : extents)
    if (extent < 1 || extent > 4096)
      fail_input("{}: {} is for images of {}x{}x{}, which is out of range", reader.file(), group, extents[0],
                 extents[1], extents[2]);
  const ImageShape shape{static_cast<int>(extents[0]), static_cast<int>(extents[1]),
                         static_cast<int>(extents[2])};
  std::int64_t mean_count = 1;
  for (std::int64_t extent : mean) mean_count *= extent;
  if (shape.elements() > kMaxDimension || (has_mean && mean_count != shape.elements()))
    fail_input("{}: {}/mean {} does not fit images of {}x{}x{}", reader.file(), group,
               engine::to_string(mean), shape.channels, shape.height, shape.width);
  const std::int64_t block = reader.optional_int(group, "block").value_or(1);
  if (block != 1)
    fail_input("{}: {} has block = {}; low-resolution starts are not available in this version",
               reader.file(), group, block);
  return shape;
}

void require_finite(const Hdf5Reader& reader, const std::string& path, const std::vector<double>& values) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i]))
      fail_input("{}: {} holds {} at element {}; it must be finite", reader.file(), path, values[i], i);
}

constexpr double kTriangleTolerance = 1e-6, kSymmetryTolerance = 1e-4;  // of the largest element

double largest_magnitude(const std::vector<double>& values) {
  double largest = 0;
  for (const double value : values) largest = std::max(largest, std::fabs(value));
  return largest;
}

void require_lower(const Hdf5Reader& reader, const std::string& path, std::int64_t d,
                   const std::vector<double>& factor) {
  const double allowed = kTriangleTolerance * largest_magnitude(factor);
  for (std::int64_t i = 0; i < d; ++i)
    for (std::int64_t j = i + 1; j < d; ++j)
      if (const double value = factor[static_cast<std::size_t>(i * d + j)]; std::fabs(value) > allowed)
        fail_input("{}: {} is not lower triangular: {} at [{}, {}]; store L of covariance = L L^T",
                   reader.file(), path, value, i, j);
}

void require_symmetric(const Hdf5Reader& reader, const std::string& path, std::int64_t d,
                       const std::vector<double>& covariance) {
  const double allowed = kSymmetryTolerance * largest_magnitude(covariance);
  for (std::int64_t i = 0; i < d; ++i)
    for (std::int64_t j = i + 1; j < d; ++j) {
      const double upper = covariance[static_cast<std::size_t>(i * d + j)],
                   lower = covariance[static_cast<std::size_t>(j * d + i)];
      if (std::fabs(upper - lower) > allowed)
        fail_input("{}: {} is not symmetric: {} at [{}, {}], {} at [{}, {}]", reader.file(), path, upper, i,
                   j, lower, j, i);
    }
}

// The factor as stored, or of the covariance as stored.
std::vector<double> initial_factor(const Hdf5Reader& reader, engine::Context& context,
                                   const std::string& group, std::int64_t d, double jitter) {
  const bool stored = reader.exists(group + "/factor");
  const std::string path = group + (stored ? "/factor" : "/covariance");
  std::vector<double> factor = reader.read<double>(path, {d, d});
  require_finite(reader, path, factor);
  if (stored) {
    require_lower(reader, path, d, factor);
    return factor;
  }
  require_symmetric(reader, path, d, factor);
  try {
    engine::ops::cholesky(context, d, jitter, factor);
  } catch (const engine::Error& error) {
    fail_input("{}: {}: {}", reader.file(), path, error.what());
  }
  return factor;
}

std::unique_ptr<InitialDistribution> read_initial(const Hdf5Reader& reader, engine::Context& context,
                                                  DType dtype, const ImageShape& expected) {
  const std::string group = keys::kInitial;
  const std::string kind = reader.optional_string(group, "kind").value_or("gaussian");
  const ImageShape shape = initial_shape(reader, group, expected);
  if (kind == "uniform") return std::make_unique<UniformInitialDistribution>(context, shape);
  if (kind != "gaussian")
    fail_input("{}: {} has kind '{}'; known: gaussian, uniform", reader.file(), group, kind);
  GaussianMoments moments;
  moments.shape = shape;
  moments.count = reader.optional_int(group, "count").value_or(0);
  moments.jitter = reader.optional_double(group, "jitter").value_or(1e-4);
  moments.mean = reader.read_at_most<double>(group + "/mean", shape.elements());
  require_finite(reader, group + "/mean", moments.mean);
  moments.factor = initial_factor(reader, context, group, shape.elements(), moments.jitter);
  return std::make_unique<GaussianInitialDistribution>(context, std::move(moments), dtype);
}

}  // namespace

CheckpointReader::CheckpointReader(const std::filesystem::path& path)
    : path_(path), reader_(engine::open_checked(path)) {
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
    fail_input("{}: /model/parameters hold {} values, a WRN-{}-{} with {} stages and {} classes has {}",
               path_.string(), stored, c.depth, c.width, c.stages, c.num_classes, c.parameter_count());
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

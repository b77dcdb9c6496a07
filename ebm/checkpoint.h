#pragma once
// Checkpoints: which keys exist and what they mean (SPEC section 8, docs/checkpoint-format.md). Tensors are
// in the reference's (PyTorch's) layout whatever the run used in memory.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ebm/initial_distribution.h"
#include "ebm/replay_buffer.h"
#include "engine/io/hdf5.h"
#include "models/wide_resnet.h"

namespace mebm::ebm {

// The /model attributes.
struct ModelDescription {
  models::WideResNetConfig network;
  std::string energy = "head";  // the energy the model was trained with
  bool fp64 = false;            // stored parameters are float64
};

// Where and how the run that wrote a checkpoint computed: resume compares it and says what differs.
struct RunEnvironment {
  std::uint64_t seed = 1;
  std::string precision, processor, convolution;
  int threads = 1;
  bool operator==(const RunEnvironment&) const = default;
};

// What a training run stores. Pointers are not owned; null parts are left out.
struct CheckpointContents {
  std::string config_toml;
  std::string created;                    // ISO 8601
  std::int64_t iteration = 0, epoch = 0;  // iterations and epochs done
  models::WideResNet* model = nullptr;
  std::string energy = "head";
  std::span<engine::Tensor> velocities;  // in the order of model->parameters()
  ReplayBuffer* buffer = nullptr;
  const InitialDistribution* initial = nullptr;
  RunEnvironment environment;
  double best_validation_accuracy = -1;  // of the run so far; -1: never evaluated
  std::string data_digest;               // SHA-256 of the training images and labels; "" = not recorded
};

// Writes to a temporary file, then renames: the previous file stays intact until the new one is complete.
void write_checkpoint(const std::filesystem::path& path, const CheckpointContents& contents);
// About how many bytes such a file has.
std::uint64_t checkpoint_bytes(const CheckpointContents& contents);

// A plain floating tensor as a dataset of its shape and type.
void write_tensor(engine::Hdf5Writer& writer, const std::string& path, const engine::Tensor& tensor);

// A file opened and checked (digest, format, version). All reads below throw InputError naming file and
// object.
class CheckpointReader {
 public:
  explicit CheckpointReader(const std::filesystem::path& path);
  // A file in memory that is known to be undamaged; `name` stands for it in messages. The bytes are copied.
  CheckpointReader(std::span<const std::byte> file, const std::string& name);

  // Bounded before anything is allocated.
  ModelDescription model() const;
  // Parameters and running statistics into a model of that description. Non-finite values are refused.
  void load_model(models::WideResNet& model) const;
  void load_momentum(models::WideResNet& model, std::span<engine::Tensor> velocities) const;

  bool has_buffer() const;
  std::int64_t buffer_size() const;
  // The buffer must have been made for buffer_size() images of the model's shape.
  void load_buffer(ReplayBuffer& buffer) const;

  bool has_initial_distribution() const;
  std::unique_ptr<InitialDistribution> initial_distribution(engine::Context& context,
                                                            engine::DType dtype) const;

  std::optional<std::string> config_toml() const;
  std::int64_t iteration() const;  // 0 where absent
  std::int64_t epoch() const;
  std::optional<RunEnvironment> environment() const;
  double best_validation_accuracy() const;  // -1 where absent
  std::string data_digest() const;          // "" where absent
  const std::filesystem::path& path() const { return path_; }

 private:
  std::int64_t read_counter(const std::string& path) const;

  std::filesystem::path path_;
  engine::Hdf5Reader reader_;
};

// The /initial_distribution group of a file: a checkpoint, one written by write_initial_distribution, or a
// file with that group alone. `expected` is the images' shape where a flat mean does not tell it.
std::unique_ptr<InitialDistribution> read_initial_distribution(const std::filesystem::path& path,
                                                               engine::Context& context, engine::DType dtype,
                                                               const ImageShape& expected);
void write_initial_distribution(const std::filesystem::path& path, const std::string& created,
                                const InitialDistribution& initial);

}  // namespace mebm::ebm

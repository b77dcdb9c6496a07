#pragma once
// A stored model and the images a command feeds it.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/image_set.h"
#include "ebm/checkpoint.h"
#include "ebm/config.h"
#include "ebm/langevin_sampler.h"
#include "engine/io/images_file.h"
#include "tools/common_options.h"

namespace mebm::tools {

inline constexpr std::int64_t kMaxBatch = 1 << 20;  // of --batch-size

// What a command line changes of the sampler that a model was trained with.
struct SamplerOverrides {
  std::optional<int> steps;
  std::optional<double> step_size, noise, gradient_clamp, pixel_clamp;
  std::optional<std::string> batch_norm, energy;
};

// A checkpoint, opened and checked, and its network in the run's precision.
struct StoredModel {
  // InputError for everything wrong with the file.
  StoredModel(const std::string& path, Runtime& runtime);

  const models::WideResNetConfig& network_config() const { return description.network; }
  ebm::ImageShape image_shape() const;
  // The energy asked for, or the one the model was trained with. InputError where the model has no class head
  // and the energy needs one.
  models::EnergyKind energy(const std::optional<std::string>& asked) const;
  // The configuration of the run that wrote the file; absent in weights-only files.
  std::optional<ebm::Config> config() const;
  // The overrides over the stored configuration over the defaults; noise without a configuration and an
  // override is 0 for two steps and fewer, as in the paper's code.
  ebm::LangevinOptions sampler(const SamplerOverrides& overrides) const;
  // What a user of the class head must know: that the recorded run did not train it. "" where it did, where
  // there is none, and where nothing is recorded.
  std::string head_note() const;

  ebm::CheckpointReader reader;
  ebm::ModelDescription description;
  std::unique_ptr<models::WideResNet> network;
};

// Which images: an HDF5 images file, or the folder or archive of a data set.
struct ImageSource {
  std::string option;  // --images, for messages
  std::string path;
  std::optional<std::string> set;  // absent: an images file, or the set is told by its files
  data::Split split = data::Split::train;
  bool samples = false;  // of an images file: take samples beyond [-1,1]
};

// The images themselves. 28x28 images are padded to 32x32 with -1 where the network takes 32x32.
class InputImages {
 public:
  // InputError unless they fit `network`.
  InputImages(const ImageSource& source, const models::WideResNetConfig& network);

  std::int64_t count() const { return set_.count(); }
  const data::ImageSet& set() const { return set_; }
  // Images first ... first + count - 1 as a tensor of the run's precision.
  engine::Tensor rows(Runtime& runtime, std::int64_t first, std::int64_t count) const;
  // InputError unless there is a label in 0 ... classes - 1 for every image.
  void require_labels(int classes, const std::string& why) const;

 private:
  std::string path_;
  data::ImageSet set_;
};

// Root attributes of a file made from a model: when, and from which checkpoint and arithmetic.
engine::FileAttributes model_provenance(const StoredModel& model, const Runtime& runtime);

// Reads a data set without a network to fit. Padding as the set has it.
data::ImageSet load_images(const ImageSource& source);

// --data-set and --split of the commands that take --images or --data.
void add_set_option(Options& options, std::optional<std::string>& set);
void add_split_option(Options& options, std::string& split);

}  // namespace mebm::tools

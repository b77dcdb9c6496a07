#include "tools/model_inputs.h"

#include <filesystem>
#include <numeric>

#include "data/datasets.h"
#include "data/images_hdf5.h"
#include "data/verify.h"
#include "engine/core/error.h"
#include "tools/config.h"
#include "tools/run_directory.h"

namespace mebm::tools {

namespace fs = std::filesystem;
using engine::fail_input;

namespace {

constexpr const char* kImagesFile = "images";

bool is_archive(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.ends_with(".tar") || name.ends_with(".tar.gz") || name.ends_with(".tgz");
}

std::string set_name(const ImageSource& source) {
  if (source.set) return *source.set;
  std::error_code error;
  if (!fs::exists(source.path, error))
    fail_input("{} {} does not exist; give an images file or the folder or archive of a data set",
               source.option, source.path);
  if (fs::is_directory(source.path, error) || is_archive(source.path))
    return std::string(data::detect_dataset(source.path));
  return kImagesFile;
}

}  // namespace

StoredModel::StoredModel(const std::string& path, Runtime& runtime)
    : reader(path), description(reader.model()) {
  const double bytes = static_cast<double>(description.network.parameter_count()) *
                       static_cast<double>(size_of(runtime.dtype)) * 2;
  require_memory(fmt::format("{}: its network", path), bytes, "use a machine with more memory");
  network =
      std::make_unique<models::WideResNet>(runtime.context, description.network, runtime.dtype, std::nullopt);
  reader.load_model(*network);
}

ebm::ImageShape StoredModel::image_shape() const {
  const models::WideResNetConfig& c = description.network;
  return {c.in_channels, c.image_size, c.image_size};
}

models::EnergyKind StoredModel::energy(const std::optional<std::string>& asked) const {
  const models::EnergyKind kind = models::parse_energy_kind(asked.value_or(description.energy));
  if (kind != models::EnergyKind::head && description.network.num_classes == 0)
    fail_input("{}: energy '{}' needs a class head, the model has none; use --energy head",
               reader.path().string(), models::name_of(kind));
  return kind;
}

std::optional<ebm::Config> StoredModel::config() const {
  const std::optional<std::string> text = reader.config_toml();
  if (!text || text->empty()) return std::nullopt;
  ebm::Config config;
  apply_toml(config, *text, reader.path().string() + ", attribute config");
  return config;
}

ebm::LangevinOptions StoredModel::sampler(const SamplerOverrides& overrides) const {
  const std::optional<ebm::Config> run = config();
  const ebm::SamplerConfig stored = run ? run->sampler : ebm::SamplerConfig();
  ebm::LangevinOptions sampler;
  sampler.steps = overrides.steps.value_or(stored.steps);
  sampler.step_size = overrides.step_size.value_or(stored.step_size);
  sampler.noise = overrides.noise.value_or(run || sampler.steps > 2 ? stored.noise : 0);
  sampler.gradient_clamp = overrides.gradient_clamp.value_or(stored.gradient_clamp);
  sampler.pixel_clamp = overrides.pixel_clamp.value_or(stored.pixel_clamp);
  sampler.batch_statistics = overrides.batch_norm.value_or(stored.batch_norm) == "batch";
  sampler.energy = energy(overrides.energy);
  return sampler;
}

std::string StoredModel::head_note() const {
  const std::optional<ebm::Config> stored = config();
  if (!stored || description.network.num_classes == 0 || stored->objective.classifier_weight != 0 ||
      description.energy != "head")
    return "";
  return fmt::format(
      "{}: its run did not train the class head (objective.classifier_weight = 0), so logits and classes "
      "mean "
      "nothing",
      reader.path().string());
}

data::ImageSet load_images(const ImageSource& source) {
  return data::load_dataset(set_name(source), source.path, source.split);
}

engine::FileAttributes model_provenance(const StoredModel& model, const Runtime& runtime) {
  const bool fp64 = runtime.dtype == engine::DType::fp64;
  return {{"created", creation_time()},
          {"checkpoint", model.reader.path().string()},
          {"checkpoint_iteration", model.reader.iteration()},
          {"precision", std::string(fp64 ? "fp64" : "fp32")}};
}

InputImages::InputImages(const ImageSource& source, const models::WideResNetConfig& network)
    : path_(source.path) {
  const std::string name = set_name(source);
  set_ = name == kImagesFile ? data::read_images_hdf5(source.path, network.image_size == 32, source.samples)
                             : data::load_dataset(name, source.path, source.split);
  if (set_.channels != network.in_channels || set_.height != network.image_size ||
      set_.width != network.image_size)
    fail_input("{}: images are {}x{}x{}, the model takes {}x{}x{}", path_, set_.channels, set_.height,
               set_.width, network.in_channels, network.image_size, network.image_size);
}

engine::Tensor InputImages::rows(Runtime& runtime, std::int64_t first, std::int64_t count) const {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), first);
  return data::load_images(runtime.context, set_, indices, runtime.dtype);
}

void InputImages::require_labels(int classes, const std::string& why) const {
  if (set_.labels.empty()) fail_input("{}: {} needs labels, there are none", path_, why);
  for (std::size_t i = 0; i < set_.labels.size(); ++i)
    if (set_.labels[i] < 0 || set_.labels[i] >= classes)
      fail_input("{}: label {} of image {} is outside 0 ... {}, the classes of the model", path_,
                 set_.labels[i], i, classes - 1);
}

void add_set_option(Options& options, std::optional<std::string>& set) {
  options.optional("--data-set", "NAME", set, fmt::format("data set: {}", data::known_datasets()),
                   "told by its files; a file is an images file");
  options.hidden_alias("--set", set);
}

void add_split_option(Options& options, std::string& split) {
  options.choice("--split", split, {"train", "test"}, "split of a data set; an images file has one only");
}

}  // namespace mebm::tools

#include "ebm/training_data.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/sampling.h"

namespace mebm::ebm {

using engine::RandomPurpose;
using engine::Tensor;

namespace {

template <typename T>
void decode_image(const data::ImageSet& images, std::int64_t index, const data::Crop* crop,
                  std::vector<T>& scratch, T* out) {
  if (crop == nullptr) return data::decode(images, index, out);
  scratch.resize(static_cast<std::size_t>(images.image_size()));
  data::decode(images, index, scratch.data());
  data::apply_crop(scratch.data(), images.channels, images.height, images.width, *crop, out);
}

template <typename T>
void decode_batch(const data::ImageSet& images, const DataBatch& batch, T* out) {
  std::vector<T> scratch;
  for (std::size_t j = 0; j < batch.indices.size(); ++j)
    decode_image(images, batch.indices[j], batch.crops.empty() ? nullptr : &batch.crops[j], scratch,
                 out + static_cast<std::ptrdiff_t>(j) * images.image_size());
}

void decode_to(const data::ImageSet& images, const DataBatch& batch, Tensor& out) {
  if (out.dtype() == engine::DType::fp64)
    decode_batch(images, batch, out.as<double>());
  else
    decode_batch(images, batch, out.as<float>());
  out.bump_version();
}

void check_batch(const char* key, int batch, const data::ImageSet& images, std::size_t count) {
  if (batch > static_cast<std::int64_t>(count))
    engine::fail_input("{} = {} is larger than the data set: {} has {} images to train on ({})", key, batch,
                       images.name, count, images.path);
}

}  // namespace

TrainingData::TrainingData(const data::ImageSet& images, std::vector<std::int64_t> indices,
                           const Config& config)
    : images_(images),
      indices_(std::move(indices)),
      key_(config.run.seed),
      augment_labelled_(config.data.augment),
      augment_positives_(config.data.augment_positives),
      noise_(config.data.noise) {
  if (config.objective.energy_weight != 0) {
    check_batch("data.batch_size", config.data.batch_size, images, indices_.size());
    positive_stream_.emplace(indices_, config.data.batch_size, config.run.seed,
                             RandomPurpose::shuffle_positives);
  }
  if (config.objective.classifier_weight == 0) return;
  if (images.labels.empty())
    engine::fail_input(
        "{}: the set {} has no labels; objective.classifier_weight = {} needs them (set it to 0)",
        images.path, images.name, config.objective.classifier_weight);
  check_batch("data.labelled_batch_size", config.data.labelled_batch_size, images, indices_.size());
  labelled_stream_.emplace(indices_, config.data.labelled_batch_size, config.run.seed,
                           RandomPurpose::shuffle_labelled);
}

DataBatch TrainingData::positives(engine::Context& context, std::int64_t iteration, Tensor& out) {
  return load(context, iteration, *positive_stream_, augment_positives_, kPositivePositions, out);
}

DataBatch TrainingData::labelled(engine::Context& context, std::int64_t iteration, Tensor& out) {
  return load(context, iteration, *labelled_stream_, augment_labelled_, 0, out);
}

DataBatch TrainingData::load(engine::Context& context, std::int64_t iteration, data::BatchStream& stream,
                             bool augment, std::uint32_t first_position, Tensor& out) {
  DataBatch batch;
  batch.indices = stream.indices(iteration);
  for (std::size_t j = 0; j < batch.indices.size(); ++j) {
    if (augment)
      batch.crops.push_back(data::draw_crop(key_, static_cast<std::uint32_t>(iteration),
                                            first_position + static_cast<std::uint32_t>(j)));
    if (!images_.labels.empty())
      batch.labels.push_back(images_.labels[static_cast<std::size_t>(batch.indices[j])]);
  }
  decode_to(images_, batch, out);
  if (noise_ > 0) {
    Tensor normal = context.empty(out.shape(), out.dtype());
    engine::ops::fill_normal(context, key_, RandomPurpose::data_noise, static_cast<std::uint32_t>(iteration),
                             0, first_position, normal);
    engine::ops::axpby(context, noise_, normal, 1, out);
  }
  return batch;
}

}  // namespace mebm::ebm

#include "ebm/training_data.h"

#include "engine/ops/batches.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/sampling.h"

namespace mebm::ebm {

using engine::RandomPurpose;
using engine::Tensor;

namespace {

// scratch: an image.
template <typename T>
void decode_image(const data::ImageSet& images, std::int64_t index, const data::Crop* crop, T* scratch,
                  T* out) {
  if (crop == nullptr) return data::decode(images, index, out);
  data::decode(images, index, scratch);
  data::apply_crop(scratch, images.channels, images.height, images.width, *crop, out);
}

template <typename T>
void decode_batch(const data::ImageSet& images, const DataBatch& batch, T* scratch, T* out) {
  for (std::size_t j = 0; j < batch.indices.size(); ++j)
    decode_image(images, batch.indices[j], batch.crops.empty() ? nullptr : &batch.crops[j], scratch,
                 out + static_cast<std::ptrdiff_t>(j) * images.image_size());
}

void decode_to(engine::Context& context, const data::ImageSet& images, const DataBatch& batch, Tensor& out) {
  Tensor scratch = context.empty({images.image_size()}, out.dtype());
  if (out.dtype() == engine::DType::fp64)
    decode_batch(images, batch, scratch.as<double>(), out.as<double>());
  else
    decode_batch(images, batch, scratch.as<float>(), out.as<float>());
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

void TrainingData::choose_positives(engine::Context& context, std::int64_t iteration, DataBatch& batch) {
  choose(context, iteration, *positive_stream_, augment_positives_, kPositivePositions, batch);
}

void TrainingData::choose_labelled(engine::Context& context, std::int64_t iteration, DataBatch& batch) {
  choose(context, iteration, *labelled_stream_, augment_labelled_, 0, batch);
}

void TrainingData::choose(engine::Context& context, std::int64_t iteration, data::BatchStream& stream,
                          bool augment, std::uint32_t first_position, DataBatch& batch) {
  stream.indices(iteration, batch.indices);
  batch.crops.clear();
  batch.labels.clear();
  for (std::size_t j = 0; j < batch.indices.size(); ++j) {
    if (augment)
      batch.crops.push_back(data::draw_crop(key_, static_cast<std::uint32_t>(iteration),
                                            first_position + static_cast<std::uint32_t>(j)));
    if (!images_.labels.empty())
      batch.labels.push_back(images_.labels[static_cast<std::size_t>(batch.indices[j])]);
  }
  if (!context.on_device()) return;
  place_on_device(context);
  std::vector<engine::ops::ImageRow> rows;
  for (std::size_t j = 0; j < batch.indices.size(); ++j) {
    const data::Crop crop = augment ? batch.crops[j] : data::Crop();
    rows.push_back({static_cast<std::uint32_t>(batch.indices[j]), static_cast<std::uint8_t>(crop.row),
                    static_cast<std::uint8_t>(crop.column), static_cast<std::uint8_t>(crop.flip),
                    static_cast<std::uint8_t>(augment)});
  }
  const auto count = static_cast<std::int64_t>(rows.size());
  if (!batch.rows.defined() || batch.rows.extent(0) != count)
    batch.rows = context.empty({count, 2}, engine::DType::int32);
  engine::ops::upload(context, rows.data(), rows.size() * sizeof(engine::ops::ImageRow), batch.rows);
}

void TrainingData::place_on_device(engine::Context& context) {
  if (on_device_.defined()) return;
  const bool bytes = !images_.pixels.empty();
  on_device_ =
      Tensor(context.lasting_arena(), {images_.count(), images_.channels, images_.height, images_.width},
             bytes ? engine::DType::uint8 : engine::DType::fp32);
  on_device_.memory().write(on_device_.data(),
                            bytes ? static_cast<const void*>(images_.pixels.data())
                                  : static_cast<const void*>(images_.values.data()),
                            on_device_.bytes());
}

void TrainingData::load(engine::Context& context, const engine::Scalar<std::uint32_t>& iteration,
                        const DataBatch& batch, std::uint32_t first_position, Tensor& out) {
  if (context.on_device()) {
    const bool bytes = on_device_.dtype() == engine::DType::uint8;
    engine::ops::ImageDecoding decoding;
    decoding.divisor = bytes ? 127.5 : 1;
    decoding.shift = bytes ? -1 : 0;
    decoding.noise = noise_;
    decoding.padding = batch.crops.empty() ? 0 : data::kCropPadding;
    decoding.key = key_;
    decoding.first_slot = first_position;
    decoding.iteration = iteration;
    return engine::ops::load_images(context, on_device_, batch.rows, decoding, out);
  }
  decode_to(context, images_, batch, out);
  if (noise_ == 0) return;
  Tensor normal = context.empty(out.shape(), out.dtype());
  engine::ops::fill_normal(context, key_, RandomPurpose::data_noise, iteration, 0, first_position, normal);
  engine::ops::axpby(context, noise_, normal, 1, out);
}

}  // namespace mebm::ebm

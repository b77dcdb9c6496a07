#pragma once
// The mini-batches of an iteration as tensors: positives, labelled images with crops, noise on data.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "data/augment.h"
#include "data/image_set.h"
#include "data/streams.h"
#include "ebm/config.h"
#include "engine/core/scalar.h"
#include "engine/device/context.h"

namespace mebm::ebm {

// One mini-batch: which images, how they were cropped (empty: not at all), their labels.
struct DataBatch {
  std::vector<std::int64_t> indices;
  std::vector<data::Crop> crops;
  std::vector<std::int32_t> labels;
  engine::Tensor rows;  // on a device: indices and crops where it reads them
};

class TrainingData {
 public:
  // `images` must outlive this; `indices` are the training images (the validation split left out). A stream
  // exists only where the configuration draws from it. Throws InputError where a batch is larger than the
  // set.
  TrainingData(const data::ImageSet& images, std::vector<std::int64_t> indices, const Config& config);

  const data::ImageSet& images() const { return images_; }
  const std::vector<std::int64_t>& indices() const { return indices_; }

  // Chooses the batch of `iteration`, into one that may have been used before: its memory is kept.
  void choose_positives(engine::Context& context, std::int64_t iteration, DataBatch& batch);
  void choose_labelled(engine::Context& context, std::int64_t iteration, DataBatch& batch);
  // Writes a chosen batch to `out` [B,C,H,W], noise included. A device reads the set from its own memory,
  // where the first call puts it.
  void load_positives(engine::Context& context, const engine::Scalar<std::uint32_t>& iteration,
                      const DataBatch& batch, engine::Tensor& out) {
    load(context, iteration, batch, kPositivePositions, out);
  }
  void load_labelled(engine::Context& context, const engine::Scalar<std::uint32_t>& iteration,
                     const DataBatch& batch, engine::Tensor& out) {
    load(context, iteration, batch, 0, out);
  }

 private:
  // Crops and noise of the two streams use positions of their own: labelled images from 0, positives from
  // here.
  static constexpr std::uint32_t kPositivePositions = 1u << 24;

  void choose(engine::Context& context, std::int64_t iteration, data::BatchStream& stream, bool augment,
              std::uint32_t first_position, DataBatch& batch);
  void load(engine::Context& context, const engine::Scalar<std::uint32_t>& iteration, const DataBatch& batch,
            std::uint32_t first_position, engine::Tensor& out);
  void place_on_device(engine::Context& context);

  const data::ImageSet& images_;
  std::vector<std::int64_t> indices_;
  engine::PhiloxKey key_;
  bool augment_labelled_, augment_positives_;
  double noise_;
  std::optional<data::BatchStream> positive_stream_, labelled_stream_;
  engine::Tensor on_device_;  // the whole set, uint8 or fp32
};

}  // namespace mebm::ebm

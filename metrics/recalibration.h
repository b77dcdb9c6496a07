#pragma once
// Running statistics made anew from data: the stored ones of a model trained with momentum 0.9 are those of
// its last batch or two, chains included.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "autograd/tape.h"
#include "data/image_set.h"
#include "models/wide_resnet.h"

namespace mebm::metrics {

// Replaces every running mean and variance by the mean, over consecutive whole batches of the images
// `indices`, of the batch's mean and unbiased variance; an incomplete last batch is left out. In batch mode,
// so that each layer sees what the layers before it give in training. Error unless there is a whole batch and
// the network has statistics. `progress` is told the images done.
void recalibrate(autograd::Tape& tape, models::WideResNet& model, const data::ImageSet& images,
                 std::span<const std::int64_t> indices, std::int64_t batch_size,
                 const std::function<void(std::int64_t)>& progress = {});

// The running statistics of a network, kept while this lives and put back at its end.
class KeepStatistics {
 public:
  explicit KeepStatistics(models::WideResNet& model);
  ~KeepStatistics();
  KeepStatistics(const KeepStatistics&) = delete;
  KeepStatistics& operator=(const KeepStatistics&) = delete;

 private:
  models::WideResNet& model_;
  std::vector<std::vector<double>> values_;
  std::vector<std::int64_t> counters_;
};

}  // namespace mebm::metrics

#pragma once
// How well a model's class head labels images.

#include <cstdint>
#include <span>
#include <vector>

#include "autograd/tape.h"
#include "data/image_set.h"
#include "models/energy_model.h"

namespace mebm::metrics {

struct ClassificationOptions {
  engine::DType dtype = engine::DType::fp32;
  bool batch_statistics = false;  // normalise each batch by itself (the last one may be short)
  std::int64_t batch_size = 64;
  std::vector<float>* logits = nullptr;  // receives [images, classes] behind what it holds
};

struct Classification {
  std::int64_t count = 0;
  double accuracy =
      0;            // share of images whose largest logit is the label's, 0 ... 1; the first of equals counts
  double loss = 0;  // mean over images of -log softmax(logits)[label]
};

// Classifies the images `indices` of a labelled set, in this order and unaugmented. Throws Error unless there
// are images, the set is labelled, and every label is one of the model's classes.
Classification classify(autograd::Tape& tape, models::EnergyModel& model, const data::ImageSet& images,
                        std::span<const std::int64_t> indices, const ClassificationOptions& options);

}  // namespace mebm::metrics

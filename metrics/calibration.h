#pragma once
// How far a classifier's confidence can be believed.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mebm::metrics {

struct Prediction {
  std::size_t label = 0;   // of the largest logit, the first of equals
  double probability = 0;  // of that label by softmax, in fp64
};
// T: float or double; at least one logit.
template <typename T>
Prediction predict(std::span<const T> logits);

// Bin b holds images whose largest probability lies in (b/B, (b+1)/B]; an empty bin has zeros.
struct ReliabilityBin {
  std::int64_t count = 0;
  double confidence = 0, accuracy = 0;
};

struct Calibration {
  double error = 0;          // ECE: mean over images of their bin's |confidence - accuracy|
  double largest_error = 0;  // MCE: the largest bin's
  std::vector<ReliabilityBin> bins;
};

// logits [N,C] row-major; labels [N]. InputError for non-finite logits or a label outside 0 ... C-1.
Calibration calibration(std::span<const float> logits, std::span<const std::int32_t> labels, int classes,
                        int bins = 15);

}  // namespace mebm::metrics

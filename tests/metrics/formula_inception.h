#pragma once
// The weights and images of tests/golden/inception.py, written again: splitmix64 of (name, index).

#include <cstdint>
#include <string_view>
#include <vector>

#include "metrics/feature_extractor.h"
#include "models/inception_v3.h"

namespace mebm::metrics {

std::vector<float> formula_parameter(const models::NamedShape& parameter);

// Images that own their bytes.
struct OwnedImages {
  std::vector<std::uint8_t> pixels;
  int count = 0, channels = 0, height = 0, width = 0;

  BytesView view() const { return {pixels, count, channels, height, width}; }
};

OwnedImages formula_images(std::string_view name, int count, int channels, int height, int width);

}  // namespace mebm::metrics

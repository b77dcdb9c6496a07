#pragma once
// What make_fixtures.py wrote, and features made here.

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/io/hdf5.h"
#include "metrics/feature_statistics.h"

namespace mebm::metrics::testing {

inline std::string fixture(const std::string& name) {
  return std::string(MEBM_SOURCE_DIR) + "/tests/metrics/fixtures/" + name;
}

inline const engine::Hdf5Reader& distances_file() {
  static const engine::Hdf5Reader reader(fixture("distances.h5"));
  return reader;
}
inline const engine::Hdf5Reader& scores_file() {
  static const engine::Hdf5Reader reader(fixture("scores.h5"));
  return reader;
}

template <typename T>
std::vector<T> array(const engine::Hdf5Reader& reader, const std::string& path) {
  return reader.read_at_most<T>(path, 1 << 20);
}

inline Features features_of(std::int64_t count, int dimensions, std::vector<float> values) {
  Features features;
  features.count = count;
  features.dimensions = dimensions;
  features.features = std::move(values);
  return features;
}

// One side of a case of distances.h5; the generated one with logits.
inline Features side(const std::string& name, const std::string& which) {
  const std::string path = "/" + name + "/" + which;
  const engine::Hdf5Shape shape = distances_file().shape(path);
  Features features = features_of(shape[0], static_cast<int>(shape[1]), array<float>(distances_file(), path));
  if (which != "generated") return features;
  features.logits = array<float>(distances_file(), "/" + name + "/logits");
  features.classes = static_cast<int>(static_cast<std::int64_t>(features.logits.size()) / shape[0]);
  return features;
}

inline FeatureStatistics statistics_of(const Features& features) {
  StatisticsAccumulator accumulator(features.dimensions);
  accumulator.add(features);
  return accumulator.finish();
}

// Uniform in (-1, 1), multiples of 2^-15, from a linear congruential generator.
inline std::vector<float> noise(std::size_t size, std::uint64_t seed) {
  std::vector<float> values(size);
  std::uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
  for (float& value : values) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    value = (static_cast<float>(state >> 48) - 32767.5f) / 32768.0f;
  }
  return values;
}

}  // namespace mebm::metrics::testing

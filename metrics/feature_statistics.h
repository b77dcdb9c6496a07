#pragma once
// Mean and covariance of features, streamed; .npz files of them as other tools write them.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "metrics/feature_extractor.h"

namespace mebm::metrics {

struct FeatureStatistics {
  std::int64_t count = 0;          // 0 where a foreign file does not say
  std::vector<double> mean;        // [D]
  std::vector<double> covariance;  // [D,D], divided by count - 1
  std::string
      protocol;  // extractor's name and digest, reference set; empty where a foreign file does not say

  int dimensions() const { return static_cast<int>(mean.size()); }
};

// Accumulates in fp64 about the first batch's mean, so that nothing cancels; memory is O(D^2 + batch * D).
class StatisticsAccumulator {
 public:
  explicit StatisticsAccumulator(int dimensions);
  // Error naming image and feature where a feature is not finite, or when dimensions differ.
  void add(const Features& features);
  // InputError with fewer than two images.
  FeatureStatistics finish() const;

 private:
  int dimensions_;
  std::int64_t count_ = 0;
  std::vector<double> shift_, sum_, products_;
};

// .npz (a zip of .npy) with `mu` [D] and `sigma` [D,D] in fp64, as pytorch-fid reads and writes them, and our
// own `count` and `protocol`, which others ignore. Reading bounds every size before it allocates; InputError
// naming file, array and what is expected for other keys, shapes, types or truncated data.
void write_statistics_npz(const std::filesystem::path& path, const FeatureStatistics& statistics);
FeatureStatistics read_statistics_npz(const std::filesystem::path& path);

}  // namespace mebm::metrics

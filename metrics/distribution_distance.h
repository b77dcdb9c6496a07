#pragma once
// How far generated images are from real ones, from features of both: Fréchet distance, kernel distance,
// precision and recall; and the inception score, from logits.

#include <cstdint>

#include "metrics/feature_statistics.h"

namespace mebm::metrics {

// |mu1 - mu2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2) in fp64 (covariance_root.h has the root): exact for
// rank-deficient covariances, never complex, never below 0. InputError where dimensions differ or a value is
// not finite, and where a matrix is no covariance.
double frechet_distance(const FeatureStatistics& a, const FeatureStatistics& b);

struct MeanDeviation {
  double mean = 0, deviation = 0;  // population standard deviation
};

// Unbiased squared MMD with k(x,y) = (x.y / D + 1)^3 over `subsets` pairs of subsets of `subset_size` rows
// without replacement, drawn as NumPy's RandomState(seed) draws them (generated first, then real). InputError
// when either side has fewer rows than a subset.
struct KernelDistanceOptions {
  int subsets = 100, subset_size = 1000;
  std::uint32_t seed = 2020;
};
MeanDeviation kernel_distance(const Features& generated, const Features& real,
                              const KernelDistanceOptions& options = {});

// exp of the mean divergence of p(y|x) from its mean over each of `splits` parts of the rows, shuffled as
// NumPy's RandomState(seed).permutation; softmax in fp64.
struct InceptionScoreOptions {
  int splits = 10;
  std::uint32_t seed = 2020;
};
MeanDeviation inception_score(const Features& generated, const InceptionScoreOptions& options = {});

// Share of generated images within the real images' manifold (each image's ball reaches its k-th neighbour),
// and the reverse.
struct PrecisionRecall {
  double precision = 0, recall = 0;
};
PrecisionRecall precision_recall(const Features& generated, const Features& real, int neighbours = 3);

}  // namespace mebm::metrics

#pragma once
// t-SNE (van der Maaten and Hinton, JMLR 2008), exact: every pair of points counts, as scikit-learn's
// method="exact" has it.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace mebm::metrics {

inline constexpr std::int64_t kMaxTsnePoints = 20000;  // 4 N^2 bytes: 1.6 GB

struct TsneOptions {
  double perplexity = 30;
  int iterations = 1000;
  // p_ij is multiplied by `exaggeration` in the first iterations, which run with momentum 0.5; 0.8 after.
  double exaggeration = 12;
  int exaggeration_iterations = 250;
  double learning_rate = 0;  // 0: max(N / exaggeration / 4, 50)
  int threads = 1;
  std::function<void(int iteration)> progress = {};  // called after iterations 1, 2, ...
};

struct TsneResult {
  std::vector<double> embedding;  // [N,2] row-major
  double divergence = 0;          // KL(P || Q) of the embedding, nats
  int iterations = 0;             // done; fewer than asked where the gradient vanished
};

// Bytes that tsne() takes for `points` points of `dimensions` features.
double tsne_bytes(std::int64_t points, int dimensions);

// Embeds points [N,D] row-major in the plane. Starts from the two first principal components, scaled to a
// standard deviation of 1e-4 along the first; nothing is drawn at random, and the result does not depend on
// the number of threads. InputError unless perplexity + 2 <= N <= kMaxTsnePoints and D >= 2, for a point that
// is not finite (named), and where all points are equal.
TsneResult tsne(std::span<const float> points, std::int64_t count, int dimensions,
                const TsneOptions& options = {});

// p_ij [N,N], symmetric, of sum 1, zero on the diagonal: conditional Gaussians around each point of the
// entropy log(perplexity), made symmetric. Same errors.
std::vector<float> tsne_affinities(std::span<const float> points, std::int64_t count, int dimensions,
                                   double perplexity, int threads = 1);

// KL(P || Q) of an embedding [N,2] under affinities [N,N], q_ij ~ 1 / (1 + |y_i - y_j|^2); nats.
double tsne_divergence(std::span<const float> affinities, std::span<const double> embedding);

}  // namespace mebm::metrics

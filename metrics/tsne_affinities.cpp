// What t-SNE compares an embedding with: how near points are in feature space.

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/core/error.h"
#include "engine/core/multiversion.h"
#include "metrics/tsne.h"

namespace mebm::metrics {
namespace {

using engine::fail_input;

void check_points(std::span<const float> points, std::int64_t count, int dimensions, double perplexity) {
  engine::require(static_cast<std::int64_t>(points.size()) == count * dimensions,
                  "{} values are not {} points of {} features", points.size(), count, dimensions);
  if (count > kMaxTsnePoints)
    fail_input("t-SNE of {} points: {} at most (memory grows with their square); take fewer", count,
               kMaxTsnePoints);
  if (!(perplexity >= 1) || static_cast<double>(count) < perplexity + 2)
    fail_input("t-SNE of {} points with perplexity {}: it lies in 1 ... points - 2", count, perplexity);
  if (dimensions < 2) fail_input("t-SNE needs points of 2 features and more, these have {}", dimensions);
  for (std::size_t i = 0; i < points.size(); ++i)
    if (!std::isfinite(points[i]))
      fail_input("t-SNE: feature {} of point {} is {}", i % static_cast<std::size_t>(dimensions),
                 i / static_cast<std::size_t>(dimensions), points[i]);
}

MEBM_MULTIVERSION float squared_distance(const float* a, const float* b, int dimensions) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int d = 0; d < dimensions; ++d) sum += (a[d] - b[d]) * (a[d] - b[d]);
  return sum;
}

std::vector<float> squared_distances(std::span<const float> points, std::int64_t count, int dimensions,
                                     int threads) {
  const auto n = static_cast<std::size_t>(count), width = static_cast<std::size_t>(dimensions);
  std::vector<float> distances(n * n);
#pragma omp parallel for num_threads(threads) schedule(dynamic, 16)
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < i; ++j) {
      const float d = squared_distance(points.data() + i * width, points.data() + j * width, dimensions);
      distances[i * n + j] = distances[j * n + i] = d;
    }
  return distances;
}

// Replaces row i of squared distances by p_j|i, whose precision beta is found by bisection.
void condition_row(float* row, std::size_t n, std::size_t i, double entropy, double* weights) {
  constexpr int kSteps = 100;
  constexpr double kTolerance = 1e-5;
  const double infinity = std::numeric_limits<double>::infinity();
  double nearest = infinity;
  for (std::size_t j = 0; j < n; ++j)
    if (j != i) nearest = std::min(nearest, static_cast<double>(row[j]));
  double beta = 1, low = 0, high = infinity, sum = 1;
  for (int step = 0; step < kSteps; ++step) {
    // Distances beyond the nearest: the weights cannot all vanish, p_j|i is the same.
    double weighted = 0;
    sum = 0;
    for (std::size_t j = 0; j < n; ++j) {
      const double distance = static_cast<double>(row[j]) - nearest;
      weights[j] = j == i ? 0 : std::exp(-beta * distance);
      sum += weights[j];
      weighted += j == i ? 0 : weights[j] * distance;
    }
    const double excess = std::log(sum) + beta * weighted / sum - entropy;
    if (std::fabs(excess) <= kTolerance) break;
    (excess > 0 ? low : high) = beta;
    beta = high == infinity ? 2 * beta : (low + high) / 2;
  }
  for (std::size_t j = 0; j < n; ++j) row[j] = static_cast<float>(weights[j] / sum);
}

}  // namespace

std::vector<float> tsne_affinities(std::span<const float> points, std::int64_t count, int dimensions,
                                   double perplexity, int threads) {
  check_points(points, count, dimensions, perplexity);
  const auto n = static_cast<std::size_t>(count);
  std::vector<float> p = squared_distances(points, count, dimensions, threads);
  if (std::all_of(p.begin(), p.end(), [](float d) { return d == 0; }))
    fail_input("t-SNE: all {} points are equal", count);
  std::vector<double> weights(static_cast<std::size_t>(threads) * n);
#pragma omp parallel for num_threads(threads) schedule(dynamic, 16)
  for (std::size_t i = 0; i < n; ++i)
    condition_row(p.data() + i * n, n, i, std::log(perplexity),
                  weights.data() + static_cast<std::size_t>(omp_get_thread_num()) * n);
  const float scale = 0.5f / static_cast<float>(n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < i; ++j) p[i * n + j] = p[j * n + i] = scale * (p[i * n + j] + p[j * n + i]);
  return p;
}

}  // namespace mebm::metrics

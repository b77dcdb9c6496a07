#include "metrics/tsne.h"

#include <algorithm>
#include <cmath>

#include <Eigen/Eigenvalues>

#include "engine/core/error.h"
#include "engine/core/multiversion.h"

namespace mebm::metrics {
namespace {

constexpr double kStartDeviation = 1e-4;
constexpr double kSmallestGradient = 1e-7;  // ends the descent, as in scikit-learn

// Of one point i: attraction sum_j p_ij w_ij (y_i - y_j), repulsion sum_j w_ij^2 (y_i - y_j) and sum_j w_ij,
// w_ij = 1 / (1 + |y_i - y_j|^2); w_ii = 1 is in the sum.
struct Forces {
  double attraction[2] = {0, 0}, repulsion[2] = {0, 0}, weight = 0;
};

// Pieces of this many points are summed in fp32, the pieces in fp64.
constexpr std::size_t kPiece = 512;

MEBM_MULTIVERSION void add_forces(const float* p, const float* x, const float* y, std::size_t count, float xi,
                                  float yi, Forces& forces) {
  float ax = 0, ay = 0, rx = 0, ry = 0, weight = 0;
#pragma omp simd reduction(+ : ax, ay, rx, ry, weight)
  for (std::size_t j = 0; j < count; ++j) {
    const float dx = xi - x[j], dy = yi - y[j];
    const float w = 1.0f / (1.0f + dx * dx + dy * dy);
    const float pull = p[j] * w, push = w * w;
    ax += pull * dx;
    ay += pull * dy;
    rx += push * dx;
    ry += push * dy;
    weight += w;
  }
  forces.attraction[0] += static_cast<double>(ax);
  forces.attraction[1] += static_cast<double>(ay);
  forces.repulsion[0] += static_cast<double>(rx);
  forces.repulsion[1] += static_cast<double>(ry);
  forces.weight += static_cast<double>(weight);
}

// The two first principal components of the points [N,2], the first scaled to kStartDeviation.
std::vector<double> principal_components(std::span<const float> points, std::int64_t count, int dimensions) {
  using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  Eigen::MatrixXd centred = Eigen::Map<const Rows>(points.data(), count, dimensions).cast<double>();
  centred.rowwise() -= centred.colwise().mean().eval();
  // Of the covariance or of the inner products, whichever is smaller.
  const bool wide = dimensions > count;
  const Eigen::MatrixXd square =
      wide ? Eigen::MatrixXd(centred * centred.transpose()) : Eigen::MatrixXd(centred.transpose() * centred);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(square);
  const auto size = square.rows();
  std::vector<double> start(2 * static_cast<std::size_t>(count));
  double deviation = 0;
  for (int c = 0; c < 2; ++c) {
    const Eigen::VectorXd vector = solver.eigenvectors().col(size - 1 - c);
    const double length = std::sqrt(std::max(solver.eigenvalues()(size - 1 - c), 0.0));
    Eigen::VectorXd scores = wide ? Eigen::VectorXd(vector * length) : Eigen::VectorXd(centred * vector);
    // An eigenvector's sign is free: the largest score is positive.
    Eigen::Index largest = 0;
    scores.cwiseAbs().maxCoeff(&largest);
    if (scores(largest) < 0) scores = -scores;
    if (c == 0) deviation = length / std::sqrt(static_cast<double>(count));
    for (std::int64_t i = 0; i < count; ++i)
      start[2 * static_cast<std::size_t>(i) + static_cast<std::size_t>(c)] =
          scores(i) / deviation * kStartDeviation;
  }
  return start;
}

class Descent {
 public:
  Descent(std::vector<float> affinities, std::vector<double> start, int threads)
      : p_(std::move(affinities)),
        y_(std::move(start)),
        n_(y_.size() / 2),
        threads_(threads),
        gradient_(y_.size()),
        column_(y_.size()),
        forces_(n_) {}

  struct Stage {
    int first, last;  // iterations
    double exaggeration, momentum, learning_rate;
  };

  // Returns the number of the iteration after the last one done. Update and gains start afresh.
  int run(const Stage& stage, const std::function<void(int)>& progress) {
    std::vector<double> update(y_.size(), 0.0), gains(y_.size(), 1.0);
    for (int iteration = stage.first; iteration < stage.last; ++iteration) {
      compute_gradient(stage.exaggeration);
      double norm = 0;
      for (std::size_t k = 0; k < y_.size(); ++k) {
        gains[k] = std::max(update[k] * gradient_[k] < 0 ? gains[k] + 0.2 : gains[k] * 0.8, 0.01);
        norm += gains[k] * gradient_[k] * gains[k] * gradient_[k];
        update[k] = stage.momentum * update[k] - stage.learning_rate * gains[k] * gradient_[k];
        y_[k] += update[k];
      }
      if (progress) progress(iteration + 1);
      if (std::sqrt(norm) <= kSmallestGradient) return iteration + 1;
    }
    return stage.last;
  }

  const std::vector<float>& affinities() const { return p_; }
  std::vector<double>& embedding() { return y_; }

 private:
  // 4 sum_j (e p_ij - q_ij) w_ij (y_i - y_j), q_ij = w_ij / sum of all w.
  void compute_gradient(double exaggeration) {
    float* x = column_.data();
    float* y = x + n_;
    for (std::size_t i = 0; i < n_; ++i) {
      x[i] = static_cast<float>(y_[2 * i]);
      y[i] = static_cast<float>(y_[2 * i + 1]);
    }
#pragma omp parallel for num_threads(threads_) schedule(static)
    for (std::size_t i = 0; i < n_; ++i) {
      Forces forces;
      for (std::size_t j = 0; j < n_; j += kPiece)
        add_forces(p_.data() + i * n_ + j, x + j, y + j, std::min(kPiece, n_ - j), x[i], y[i], forces);
      forces_[i] = forces;
    }
    double total = 0;
    for (const Forces& forces : forces_) total += forces.weight - 1;
    for (std::size_t i = 0; i < n_; ++i)
      for (std::size_t c = 0; c < 2; ++c)
        gradient_[2 * i + c] =
            4 * (exaggeration * forces_[i].attraction[c] - forces_[i].repulsion[c] / total);
  }

  std::vector<float> p_;
  std::vector<double> y_;
  std::size_t n_;
  int threads_;
  std::vector<double> gradient_;
  std::vector<float> column_;  // all first coordinates, then all second ones
  std::vector<Forces> forces_;
};

}  // namespace

double tsne_bytes(std::int64_t points, int dimensions) {
  const auto n = static_cast<double>(points), d = static_cast<double>(dimensions);
  const double square = std::min(n, d) * std::min(n, d);
  return 4 * n * n + 8 * n * d + 3 * 8 * square + 200 * n;
}

double tsne_divergence(std::span<const float> affinities, std::span<const double> embedding) {
  const std::size_t n = embedding.size() / 2;
  engine::require(affinities.size() == n * n, "{} affinities for {} points", affinities.size(), n);
  double total = 0, sum = 0, mass = 0;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < i; ++j) {
      const double dx = embedding[2 * i] - embedding[2 * j], dy = embedding[2 * i + 1] - embedding[2 * j + 1];
      const double scale = 1 + dx * dx + dy * dy, p = static_cast<double>(affinities[i * n + j]);
      total += 2 / scale;
      mass += 2 * p;
      if (p > 0) sum += 2 * p * std::log(p * scale);
    }
  return sum + mass * std::log(total);
}

TsneResult tsne(std::span<const float> points, std::int64_t count, int dimensions,
                const TsneOptions& options) {
  engine::require(options.iterations >= 1 && options.exaggeration_iterations >= 0 && options.threads >= 1 &&
                      options.exaggeration > 0 && options.learning_rate >= 0,
                  "t-SNE of {} iterations on {} threads, exaggeration {} in the first {}, learning rate {}",
                  options.iterations, options.threads, options.exaggeration, options.exaggeration_iterations,
                  options.learning_rate);
  std::vector<float> p = tsne_affinities(points, count, dimensions, options.perplexity, options.threads);
  Descent descent(std::move(p), principal_components(points, count, dimensions), options.threads);
  const double rate = options.learning_rate > 0
                          ? options.learning_rate
                          : std::max(static_cast<double>(count) / options.exaggeration / 4, 50.0);
  const int switch_at = std::min(options.exaggeration_iterations, options.iterations);
  TsneResult result;
  result.iterations = descent.run({0, switch_at, options.exaggeration, 0.5, rate}, options.progress);
  result.iterations = descent.run({result.iterations, options.iterations, 1, 0.8, rate}, options.progress);
  result.divergence = tsne_divergence(descent.affinities(), descent.embedding());
  result.embedding = std::move(descent.embedding());
  return result;
}

}  // namespace mebm::metrics

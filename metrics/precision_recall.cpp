#include <algorithm>
#include <limits>
#include <vector>

#include "engine/core/error.h"
#include "metrics/distribution_distance.h"
#include "metrics/feature_checks.h"
#include "metrics/products.h"

namespace mebm::metrics {
namespace {

// Squared distances that differ by this share of the squared lengths are equal but for rounding.
constexpr double kRounding = 1e-12;

// Features about a common point, and the squares of their lengths.
struct Cloud {
  RowsView rows;
  std::vector<double> squares;

  Cloud(const Features& features, std::span<const double> shift)
      : rows{features.features, features.dimensions, {}, shift} {
    std::vector<double> row(static_cast<std::size_t>(features.dimensions));
    for (std::int64_t r = 0; r < features.count; ++r) {
      rows.copy(r, 1, row.data());
      double sum = 0;
      for (const double value : row) sum += value * value;
      squares.push_back(sum);
    }
  }
  double square(std::int64_t row) const { return squares[static_cast<std::size_t>(row)]; }
};

std::vector<double> mean_of(const Features& features) {
  std::vector<double> mean(static_cast<std::size_t>(features.dimensions));
  for (std::size_t i = 0; i < features.features.size(); ++i)
    mean[i % mean.size()] += static_cast<double>(features.features[i]) / static_cast<double>(features.count);
  return mean;
}

// The k smallest squared distances of every row, largest first.
class Nearest {
 public:
  Nearest(std::int64_t rows, int k)
      : k_(static_cast<std::size_t>(k)),
        values_(static_cast<std::size_t>(rows) * k_, std::numeric_limits<double>::infinity()) {}

  void offer(std::int64_t row, double value) {
    double* kept = values_.data() + static_cast<std::size_t>(row) * k_;
    if (!(value < kept[0])) return;
    std::size_t at = 0;
    for (; at + 1 < k_ && kept[at + 1] > value; ++at) kept[at] = kept[at + 1];
    kept[at] = value;
  }
  void offer_all(const Nearest& other) {
    for (std::size_t i = 0; i < values_.size(); ++i)
      offer(static_cast<std::int64_t>(i / k_), other.values_[i]);
  }
  double farthest(std::int64_t row) const { return values_[static_cast<std::size_t>(row) * k_]; }

 private:
  std::size_t k_;
  std::vector<double> values_;
};

// Squared distance of every row to its k-th neighbour among the others.
std::vector<double> squared_radii(const Cloud& cloud, int k) {
  const std::int64_t count = cloud.rows.count();
  std::vector<Nearest> workers(static_cast<std::size_t>(worker_count()), Nearest(count, k));
  visit_products(cloud.rows, cloud.rows, true, [&](const ProductBlock& block) {
    Nearest& nearest = workers[static_cast<std::size_t>(block.worker)];
    const bool on_diagonal = block.first_row == block.first_column;
    for (std::int64_t r = 0; r < block.rows; ++r)
      for (std::int64_t c = on_diagonal ? r + 1 : 0; c < block.columns; ++c) {
        const std::int64_t i = block.first_row + r, j = block.first_column + c;
        const double squared = std::max(0.0, cloud.square(i) + cloud.square(j) - 2 * block.at(r, c));
        nearest.offer(i, squared);
        nearest.offer(j, squared);
      }
  });
  for (std::size_t worker = 1; worker < workers.size(); ++worker) workers[0].offer_all(workers[worker]);
  std::vector<double> radii(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) radii[static_cast<std::size_t>(i)] = workers[0].farthest(i);
  return radii;
}

// Which images lie in a ball of the other side; one per thread, as bytes that no two threads share.
struct Inside {
  std::vector<char> generated, real;
};

double share(const std::vector<char>& inside) {
  return static_cast<double>(std::count(inside.begin(), inside.end(), 1)) /
         static_cast<double>(inside.size());
}

}  // namespace

PrecisionRecall precision_recall(const Features& generated, const Features& real, int neighbours) {
  engine::require(neighbours >= 1, "the {}-th neighbour", neighbours);
  check_pair(generated, real);
  if (generated.count <= neighbours || real.count <= neighbours)
    engine::fail_input(
        "{} generated and {} real images: each needs {} neighbours on its side, so {} images at least",
        generated.count, real.count, neighbours, neighbours + 1);
  const std::vector<double> centre = mean_of(real);
  const Cloud x(generated, centre), y(real, centre);
  const std::vector<double> x_radii = squared_radii(x, neighbours), y_radii = squared_radii(y, neighbours);
  const Inside none{std::vector<char>(x.squares.size()), std::vector<char>(y.squares.size())};
  std::vector<Inside> workers(static_cast<std::size_t>(worker_count()), none);
  visit_products(x.rows, y.rows, false, [&](const ProductBlock& block) {
    Inside& inside = workers[static_cast<std::size_t>(block.worker)];
    for (std::int64_t r = 0; r < block.rows; ++r)
      for (std::int64_t c = 0; c < block.columns; ++c) {
        const auto i = static_cast<std::size_t>(block.first_row + r),
                   j = static_cast<std::size_t>(block.first_column + c);
        const double lengths = x.squares[i] + y.squares[j];
        const double squared = lengths - 2 * block.at(r, c) - kRounding * lengths;
        if (squared <= y_radii[j]) inside.generated[i] = 1;
        if (squared <= x_radii[i]) inside.real[j] = 1;
      }
  });
  Inside all = none;
  for (const Inside& inside : workers) {
    for (std::size_t i = 0; i < inside.generated.size(); ++i) all.generated[i] |= inside.generated[i];
    for (std::size_t j = 0; j < inside.real.size(); ++j) all.real[j] |= inside.real[j];
  }
  return {share(all.generated), share(all.real)};
}

}  // namespace mebm::metrics

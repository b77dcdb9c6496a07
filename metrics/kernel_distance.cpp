#include <vector>

#include "engine/core/error.h"
#include "metrics/distribution_distance.h"
#include "metrics/feature_checks.h"
#include "metrics/mean_deviation.h"
#include "metrics/numpy_random.h"
#include "metrics/products.h"

namespace mebm::metrics {
namespace {

double cube(double value) {
  return value * value * value;
}

struct KernelSums {
  double all = 0, diagonal = 0;
};

// Sums of k(a_i, b_j) over i and j; with `same`, b is a: the blocks above the diagonal count twice.
KernelSums kernel_sums(const RowsView& a, const RowsView& b, bool same) {
  std::vector<KernelSums> strips(static_cast<std::size_t>(strip_count(a.count())));
  const auto d = static_cast<double>(a.width);
  visit_products(a, b, same, [&](const ProductBlock& block) {
    KernelSums sums;
    for (const double product : block.values) sums.all += cube(product / d + 1);
    KernelSums& total = strips[block.strip()];
    const bool above_diagonal = same && block.first_row != block.first_column;
    total.all += above_diagonal ? 2 * sums.all : sums.all;
    if (!same || above_diagonal) return;
    for (std::int64_t r = 0; r < block.rows; ++r) total.diagonal += cube(block.at(r, r) / d + 1);
  });
  KernelSums total;
  for (const KernelSums& sums : strips) {
    total.all += sums.all;
    total.diagonal += sums.diagonal;
  }
  return total;
}

// The unbiased estimate from equally many rows a side; the cross term uses every pair.
double squared_discrepancy(const RowsView& x, const RowsView& y) {
  const auto m = static_cast<double>(x.count());
  const KernelSums xx = kernel_sums(x, x, true), yy = kernel_sums(y, y, true), xy = kernel_sums(x, y, false);
  return (xx.all - xx.diagonal + yy.all - yy.diagonal) / (m * (m - 1)) - 2 * xy.all / (m * m);
}

}  // namespace

MeanDeviation kernel_distance(const Features& generated, const Features& real,
                              const KernelDistanceOptions& options) {
  engine::require(options.subsets >= 1 && options.subset_size >= 2, "{} subsets of {} images",
                  options.subsets, options.subset_size);
  check_pair(generated, real);
  if (generated.count < options.subset_size || real.count < options.subset_size)
    engine::fail_input(
        "the kernel distance draws subsets of {} images: {} generated and {} real ones are too few",
        options.subset_size, generated.count, real.count);
  NumpyRandom random(options.seed);
  const std::int64_t d = real.dimensions;
  std::vector<double> values;
  for (int subset = 0; subset < options.subsets; ++subset) {
    const auto from_generated = random.choice(generated.count, options.subset_size);
    const auto from_real = random.choice(real.count, options.subset_size);
    values.push_back(
        squared_discrepancy({generated.features, d, from_generated, {}}, {real.features, d, from_real, {}}));
  }
  return mean_deviation(values);
}

}  // namespace mebm::metrics

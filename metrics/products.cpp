#include "metrics/products.h"

#include <omp.h>

#include <Eigen/Core>
#include <algorithm>

namespace mebm::metrics {
namespace {

constexpr std::int64_t kGramRows = 512;

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Blocks = Eigen::Map<Matrix, 0, Eigen::OuterStride<>>;
using InBlocks = Eigen::Map<const Matrix, 0, Eigen::OuterStride<>>;
using Eigen::OuterStride;

}  // namespace

void RowsView::copy(std::int64_t first, std::int64_t n, double* to) const {
  for (std::int64_t r = first; r < first + n; ++r, to += width) {
    const std::int64_t row = order.empty() ? r : order[static_cast<std::size_t>(r)];
    const float* from = values.data() + row * width;
    for (std::int64_t i = 0; i < width; ++i) to[i] = static_cast<double>(from[i]);
    if (shift.empty()) continue;
    for (std::int64_t i = 0; i < width; ++i) to[i] -= shift[static_cast<std::size_t>(i)];
  }
}

void add_gram(const RowsView& x, std::span<double> products) {
  const std::int64_t d = x.width, blocks = strip_count(d);
  std::vector<double> rows(static_cast<std::size_t>(std::min(kGramRows, x.count()) * d));
  for (std::int64_t first = 0; first < x.count(); first += kGramRows) {
    const std::int64_t n = std::min(kGramRows, x.count() - first);
    x.copy(first, n, rows.data());
#pragma omp parallel for schedule(dynamic)
    for (std::int64_t task = 0; task < blocks * blocks; ++task) {
      const std::int64_t i = task / blocks * kProductRows, j = task % blocks * kProductRows;
      if (j < i) continue;
      const std::int64_t height = std::min(kProductRows, d - i), width = std::min(kProductRows, d - j);
      const InBlocks left(rows.data() + i, n, height, OuterStride<>(d)),
          right(rows.data() + j, n, width, OuterStride<>(d));
      Blocks(products.data() + i * d + j, height, width, OuterStride<>(d)).noalias() +=
          left.transpose() * right;
    }
  }
}

void mirror_upper(std::int64_t d, std::span<double> matrix) {
  for (std::int64_t i = 0; i < d; ++i)
    for (std::int64_t j = i + 1; j < d; ++j)
      matrix[static_cast<std::size_t>(j * d + i)] = matrix[static_cast<std::size_t>(i * d + j)];
}

int worker_count() {
  return omp_get_max_threads();
}

void visit_products(const RowsView& a, const RowsView& b, bool upper,
                    const std::function<void(const ProductBlock& block)>& visit) {
  const std::int64_t m = a.count(), n = b.count(), d = a.width;
#pragma omp parallel
  {
    const auto buffer = [&](std::int64_t rows, std::int64_t columns) {
      return std::vector<double>(static_cast<std::size_t>(rows * columns));
    };
    std::vector<double> values = buffer(kProductRows, kProductRows),
                        left = buffer(std::min(m, kProductRows), d),
                        right = buffer(std::min(n, kProductRows), d);
#pragma omp for schedule(dynamic)
    for (std::int64_t strip = 0; strip < strip_count(m); ++strip) {
      ProductBlock block;
      block.worker = omp_get_thread_num();
      block.first_row = strip * kProductRows;
      block.rows = std::min(kProductRows, m - block.first_row);
      a.copy(block.first_row, block.rows, left.data());
      for (block.first_column = upper ? block.first_row : 0; block.first_column < n;
           block.first_column += kProductRows) {
        block.columns = std::min(kProductRows, n - block.first_column);
        b.copy(block.first_column, block.columns, right.data());
        Eigen::Map<Matrix>(values.data(), block.rows, block.columns).noalias() =
            Eigen::Map<const Matrix>(left.data(), block.rows, d) *
            Eigen::Map<const Matrix>(right.data(), block.columns, d).transpose();
        block.values =
            std::span<const double>(values).first(static_cast<std::size_t>(block.rows * block.columns));
        visit(block);
      }
    }
  }
}

}  // namespace mebm::metrics

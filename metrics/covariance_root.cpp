#include "metrics/covariance_root.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "engine/core/error.h"
#include "metrics/singular_values.h"

namespace mebm::metrics {
namespace {

using Eigen::Index;
using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

constexpr Index kPanel = 64;
constexpr double kNegativeShare = 1e-3;  // of the largest eigenvalue: beyond, the matrix is no covariance

// Variances of this share of the largest are the rounding of fp64 sums.
double rounding_share(Index d) {
  return 16 * static_cast<double>(std::max<Index>(d, 64)) * std::numeric_limits<double>::epsilon();
}

// A pivoted Cholesky factorisation under way: the lower triangle of `work` has the factor's columns, then
// what is left of the matrix.
struct PivotedFactor {
  Matrix work;
  std::vector<Index> order;  // of the rows
  Index rank = 0;
};

void swap_pivot(PivotedFactor& f, Index j, Index pivot) {
  if (j == pivot) return;
  const Index d = f.work.rows(), below = d - pivot - 1, between = pivot - j - 1;
  std::swap(f.work(j, j), f.work(pivot, pivot));
  f.work.row(j).head(j).swap(f.work.row(pivot).head(j));
  f.work.col(j).tail(below).swap(f.work.col(pivot).tail(below));
  for (Index i = 0; i < between; ++i) std::swap(f.work(j + 1 + i, j), f.work(pivot, j + 1 + i));
  std::swap(f.order[static_cast<std::size_t>(j)], f.order[static_cast<std::size_t>(pivot)]);
}

// Factors columns first ... of one panel; false where no pivot above `least` is left.
bool factor_panel(PivotedFactor& f, Index first, Index columns, double least) {
  const Index d = f.work.rows();
  Vector left = f.work.diagonal().tail(d - first);  // of each variance, by the columns factored so far
  for (Index j = first; j < first + columns; ++j) {
    Index pivot = 0;
    if (!(left.tail(d - j).maxCoeff(&pivot) > least)) return false;
    pivot += j;
    swap_pivot(f, j, pivot);
    std::swap(left[j - first], left[pivot - first]);
    const double root = std::sqrt(left[j - first]);
    f.work(j, j) = root;
    const Index done = j - first, below = d - j - 1;
    auto column = f.work.col(j).tail(below);
    column.noalias() -=
        f.work.block(j + 1, first, below, done) * f.work.row(j).segment(first, done).transpose();
    column /= root;
    left.tail(below).array() -= column.array().square();
    f.rank = j + 1;
  }
  return true;
}

// F [d, rank] with s = F F^T but for rounding; nothing where s is indefinite beyond rounding.
std::optional<Matrix> cholesky_factor(const Matrix& s) {
  const Index d = s.rows();
  PivotedFactor f{s, std::vector<Index>(static_cast<std::size_t>(d)), 0};
  std::iota(f.order.begin(), f.order.end(), Index{0});
  const double least = rounding_share(d) * std::max(0.0, s.diagonal().maxCoeff());
  for (Index first = 0; first < d; first += kPanel) {
    const bool whole = factor_panel(f, first, std::min(kPanel, d - first), least);
    const Index rest = d - f.rank;
    if (rest == 0) break;
    if (f.rank > first)
      f.work.bottomRightCorner(rest, rest)
          .selfadjointView<Eigen::Lower>()
          .rankUpdate(f.work.block(f.rank, first, rest, f.rank - first), -1);
    if (whole) continue;
    const Matrix left = f.work.bottomRightCorner(rest, rest).triangularView<Eigen::Lower>();
    if (left.cwiseAbs().maxCoeff() > 4 * least) return std::nullopt;
    break;
  }
  Matrix factor = Matrix::Zero(d, f.rank);
  for (Index i = 0; i < d; ++i) {
    const Index known = std::min(i + 1, f.rank);
    factor.row(f.order[static_cast<std::size_t>(i)]).head(known) = f.work.row(i).head(known);
  }
  return factor;
}

Matrix eigen_factor(const Matrix& s, const char* which) {
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(s);
  engine::require(solver.info() == Eigen::Success, "the eigenvalues of the {} covariance did not converge",
                  which);
  const Vector& values = solver.eigenvalues();
  const double largest = values[values.size() - 1];
  if (values[0] < -kNegativeShare * std::max(0.0, largest))
    engine::fail_input(
        "the {} covariance has an eigenvalue of {:.6g} beside a largest one of {:.6g}: it is none", which,
        values[0], largest);
  const Index rank = (values.array() > rounding_share(s.rows()) * largest).count();
  return solver.eigenvectors().rightCols(rank) * values.tail(rank).cwiseSqrt().asDiagonal();
}

Matrix factor_of(std::span<const double> s, std::int64_t d, const char* which) {
  const Matrix matrix = Eigen::Map<const Matrix>(s.data(), d, d);
  if (std::optional<Matrix> factor = cholesky_factor(matrix)) return std::move(*factor);
  return eigen_factor(matrix, which);
}

// a^T b, by columns over the threads.
Matrix product_of(const Matrix& a, const Matrix& b) {
  Matrix product(a.cols(), b.cols());
#pragma omp parallel for schedule(dynamic)
  for (Index first = 0; first < b.cols(); first += kPanel) {
    const Index columns = std::min(kPanel, b.cols() - first);
    product.middleCols(first, columns).noalias() = a.transpose() * b.middleCols(first, columns);
  }
  return product;
}

}  // namespace

double trace_of_product_root(std::span<const double> s1, std::span<const double> s2, std::int64_t d) {
  const Matrix first = factor_of(s1, d, "first"), second = factor_of(s2, d, "second");
  if (first.cols() == 0 || second.cols() == 0) return 0;
  Matrix product = first.cols() >= second.cols() ? product_of(first, second) : product_of(second, first);
  return sum_of_singular_values({product.data(), static_cast<std::size_t>(product.size())}, product.rows(),
                                product.cols());
}

}  // namespace mebm::metrics

#include "metrics/singular_values.h"

#include <Eigen/Eigenvalues>
#include <Eigen/SVD>
#include <algorithm>
#include <cmath>

#include "engine/core/error.h"

namespace mebm::metrics {
namespace {

using Eigen::Index;
using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

constexpr double kNothing = 1e-20;  // of the largest entry of a bidiagonal matrix

}  // namespace

double sum_of_singular_values(std::span<double> a, std::int64_t rows, std::int64_t columns) {
  engine::require(rows >= columns && columns >= 1 && static_cast<std::int64_t>(a.size()) == rows * columns,
                  "{} values are no tall matrix [{}, {}]", a.size(), rows, columns);
  // Eigen's blocked bidiagonalisation by itself: its singular value classes take 43 s to compile.
  Eigen::Map<Matrix> matrix(a.data(), rows, columns);
  Eigen::internal::BandMatrix<double, Eigen::Dynamic, Eigen::Dynamic, 1, 0, Eigen::RowMajor> band(columns,
                                                                                                  columns);
  Eigen::internal::upperbidiagonalization_inplace_blocked(matrix, band);
  const Vector diagonal = band.diagonal();
  Vector above = Vector::Zero(columns);
  if (columns > 1) above.head(columns - 1) = band.diagonal<1>();
  const double largest = std::max(diagonal.cwiseAbs().maxCoeff(), above.cwiseAbs().maxCoeff());
  if (!(largest > 0)) return 0;
  // The singular values and their negatives are the eigenvalues of a tridiagonal matrix (Golub and Kahan
  // 1965).
  Vector beside(2 * columns - 1);
  for (Index i = 0; i < 2 * columns - 1; ++i) {
    const double value = (i % 2 == 0 ? diagonal[i / 2] : above[i / 2]) / largest;
    beside[i] = std::abs(value) < kNothing ? 0.0 : value;
  }
  Eigen::SelfAdjointEigenSolver<Matrix> solver;
  solver.computeFromTridiagonal(Vector::Zero(2 * columns), beside, Eigen::EigenvaluesOnly);
  engine::require(solver.info() == Eigen::Success,
                  "the singular values of a matrix [{}, {}] did not converge", rows, columns);
  return solver.eigenvalues().cwiseAbs().sum() / 2 * largest;
}

}  // namespace mebm::metrics

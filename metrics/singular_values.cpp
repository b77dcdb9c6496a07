#include "metrics/singular_values.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/core/error.h"

namespace mebm::metrics {
namespace {

using Eigen::Index;
using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;
using View = Eigen::Map<Matrix>;

constexpr Index kPanel = 32, kChunk = 128;
constexpr double kNothing = 1e-20;  // of the largest entry of a bidiagonal matrix

// Makes v a Householder vector with v[0] = 1: (I - tau v v^T) v_before = value e_0.
struct Reflection {
  double tau = 0, value = 0;
};
template <typename V>
Reflection reflect(V v) {
  Reflection r;
  const double tail = v.tail(v.size() - 1).squaredNorm(), head = v[0];
  r.value = head;
  if (tail > 0) {
    r.value = -std::copysign(std::sqrt(head * head + tail), head);
    r.tau = (r.value - head) / r.value;
    v.tail(v.size() - 1) /= head - r.value;
  }
  v[0] = 1;
  return r;
}

// Bidiagonalisation by panels (LAPACK's dgebrd and dlabrd): every panel keeps A - V Y^T - X U^T unformed but
// for the column and row at hand. Threads share the panels' updates only: a region per column would spend its
// gain on waiting wherever the processor has other work.
class Bidiagonal {
 public:
  explicit Bidiagonal(View a)
      : a_(a), x_(a.rows(), kPanel), y_(a.cols(), kPanel), diagonal_(a.cols()), above_(a.cols()) {
    for (Index first = 0; first < a_.cols(); first += kPanel)
      reduce_panel(first, std::min(kPanel, a_.cols() - first));
  }
  const Vector& diagonal() const { return diagonal_; }
  const Vector& above() const { return above_; }  // the last one is 0

 private:
  void reduce_panel(Index first, Index count) {
    for (Index i = first; i < first + count; ++i) {
      reduce_column(first, i);
      if (i + 1 < a_.cols()) reduce_row(first, i);
    }
    const Index next = first + count, rows = a_.rows() - next, columns = a_.cols() - next;
    if (columns <= 0) return;
    const Matrix u = a_.block(first, next, count, columns);
#pragma omp parallel for schedule(dynamic)
    for (Index k = 0; k < columns; k += kChunk) {
      const Index n = std::min(kChunk, columns - k);
      auto rest = a_.block(next, next + k, rows, n);
      rest.noalias() -= a_.block(next, first, rows, count) * y_.block(next + k, 0, n, count).transpose();
      rest.noalias() -= x_.block(next, 0, rows, count) * u.middleCols(k, n);
    }
  }

  void reduce_column(Index first, Index i) {
    const Index done = i - first, rows = a_.rows() - i, columns = a_.cols() - i - 1;
    auto v = a_.col(i).tail(rows);
    v.noalias() -= a_.block(i, first, rows, done) * y_.row(i).head(done).transpose();
    v.noalias() -= x_.block(i, 0, rows, done) * a_.col(i).segment(first, done);
    const Reflection r = reflect(v);
    diagonal_[i] = r.value;
    above_[i] = 0;
    if (columns == 0) return;
    auto y = y_.col(done).tail(columns);
    y.noalias() = a_.block(i, i + 1, rows, columns).transpose() * v;
    const Vector along_v = a_.block(i, first, rows, done).transpose() * v;
    const Vector along_x = x_.block(i, 0, rows, done).transpose() * v;
    y.noalias() -= y_.block(i + 1, 0, columns, done) * along_v;
    y.noalias() -= a_.block(first, i + 1, done, columns).transpose() * along_x;
    y *= r.tau;
  }

  void reduce_row(Index first, Index i) {
    const Index done = i - first, rows = a_.rows() - i - 1, columns = a_.cols() - i - 1;
    Vector u = a_.row(i).tail(columns).transpose();
    u.noalias() -= y_.block(i + 1, 0, columns, done + 1) * a_.row(i).segment(first, done + 1).transpose();
    u.noalias() -= a_.block(first, i + 1, done, columns).transpose() * x_.row(i).head(done).transpose();
    const Reflection r = reflect(u.head(columns));
    above_[i] = r.value;
    a_.row(i).tail(columns) = u.transpose();
    if (rows == 0) return;
    auto x = x_.col(done).tail(rows);
    x.noalias() = a_.block(i + 1, i + 1, rows, columns) * u;
    const Vector along_y = y_.block(i + 1, 0, columns, done + 1).transpose() * u;
    const Vector along_u = a_.block(first, i + 1, done, columns) * u;
    x.noalias() -= a_.block(i + 1, first, rows, done + 1) * along_y;
    x.noalias() -= x_.block(i + 1, 0, rows, done) * along_u;
    x *= r.tau;
  }

  View a_;
  Matrix x_, y_;
  Vector diagonal_, above_;
};

}  // namespace

double sum_of_singular_values(std::span<double> a, std::int64_t rows, std::int64_t columns) {
  engine::require(rows >= columns && columns >= 1 && static_cast<std::int64_t>(a.size()) == rows * columns,
                  "{} values are no tall matrix [{}, {}]", a.size(), rows, columns);
  const Bidiagonal bidiagonal(View(a.data(), rows, columns));
  const double largest =
      std::max(bidiagonal.diagonal().cwiseAbs().maxCoeff(), bidiagonal.above().cwiseAbs().maxCoeff());
  if (!(largest > 0)) return 0;
  // The singular values and their negatives are the eigenvalues of a tridiagonal matrix (Golub and Kahan
  // 1965).
  Vector beside(2 * columns - 1);
  for (Index i = 0; i < 2 * columns - 1; ++i) {
    const double value = (i % 2 == 0 ? bidiagonal.diagonal()[i / 2] : bidiagonal.above()[i / 2]) / largest;
    beside[i] = std::abs(value) < kNothing ? 0.0 : value;
  }
  Eigen::SelfAdjointEigenSolver<Matrix> solver;
  solver.computeFromTridiagonal(Vector::Zero(2 * columns), beside, Eigen::EigenvaluesOnly);
  engine::require(solver.info() == Eigen::Success,
                  "the singular values of a matrix [{}, {}] did not converge", rows, columns);
  return solver.eigenvalues().cwiseAbs().sum() / 2 * largest;
}

}  // namespace mebm::metrics

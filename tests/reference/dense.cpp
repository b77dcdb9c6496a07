#include <algorithm>
#include <cmath>

#include "tests/reference/oracle.h"

namespace mebm::reference {
namespace {

std::size_t at(int row, int columns, int column) {
  return static_cast<std::size_t>(row * columns + column);
}

}  // namespace

Values global_average(int images, int channels, int pixels, const Values& x) {
  Values out(static_cast<std::size_t>(images * channels));
  for (std::size_t i = 0; i < x.size(); ++i) out[i / static_cast<std::size_t>(pixels)] += x[i] / pixels;
  return out;
}

Values product(bool transpose_a, bool transpose_b, int m, int n, int k, const Values& a, const Values& b) {
  Values c(static_cast<std::size_t>(m * n));
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j)
      for (int l = 0; l < k; ++l)
        c[at(i, n, j)] +=
            (transpose_a ? a[at(l, m, i)] : a[at(i, k, l)]) * (transpose_b ? b[at(j, k, l)] : b[at(l, n, j)]);
  return c;
}

Values linear(int rows, int inputs, int outputs, const Values& x, const Values& w, const Values& bias) {
  Values y = product(false, true, rows, outputs, inputs, x, w);
  for (int r = 0; r < rows; ++r)
    for (int o = 0; o < outputs; ++o) y[at(r, outputs, o)] += bias[static_cast<std::size_t>(o)];
  return y;
}

Values logsumexp(int rows, int classes, const Values& logits) {
  Values out;
  for (int r = 0; r < rows; ++r) {
    double largest = logits[at(r, classes, 0)], sum = 0;
    for (int y = 1; y < classes; ++y) largest = std::max(largest, logits[at(r, classes, y)]);
    for (int y = 0; y < classes; ++y) sum += std::exp(logits[at(r, classes, y)] - largest);
    out.push_back(largest + std::log(sum));
  }
  return out;
}

Values softmax(int rows, int classes, const Values& logits) {
  const Values normaliser = logsumexp(rows, classes, logits);
  Values out(logits.size());
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = std::exp(logits[i] - normaliser[i / static_cast<std::size_t>(classes)]);
  return out;
}

double cross_entropy(int rows, int classes, const Values& logits, const std::vector<int>& labels) {
  const Values normaliser = logsumexp(rows, classes, logits);
  double loss = 0;
  for (int r = 0; r < rows; ++r) {
    const auto row = static_cast<std::size_t>(r);
    loss += (normaliser[row] - logits[at(r, classes, labels[row])]) / rows;
  }
  return loss;
}

void moments(int n, int d, const Values& rows, Values& mean, Values& covariance) {
  mean.assign(static_cast<std::size_t>(d), 0);
  covariance.assign(static_cast<std::size_t>(d * d), 0);
  for (int r = 0; r < n; ++r)
    for (int i = 0; i < d; ++i) mean[static_cast<std::size_t>(i)] += rows[at(r, d, i)] / n;
  for (int r = 0; r < n; ++r)
    for (int i = 0; i < d; ++i)
      for (int j = 0; j < d; ++j)
        covariance[at(i, d, j)] += (rows[at(r, d, i)] - mean[static_cast<std::size_t>(i)]) *
                                   (rows[at(r, d, j)] - mean[static_cast<std::size_t>(j)]) / n;
}

Values cholesky(int d, const Values& matrix) {
  Values l(matrix.size());
  for (int i = 0; i < d; ++i)
    for (int j = 0; j <= i; ++j) {
      double sum = matrix[at(i, d, j)];
      for (int k = 0; k < j; ++k) sum -= l[at(i, d, k)] * l[at(j, d, k)];
      l[at(i, d, j)] = i == j ? std::sqrt(sum) : sum / l[at(j, d, j)];
    }
  return l;
}

}  // namespace mebm::reference

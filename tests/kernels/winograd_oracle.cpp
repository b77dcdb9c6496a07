#include "tests/kernels/winograd_oracle.h"

#include <array>
#include <cmath>

namespace mebm::kernels::conv2d::winograd {
namespace {

using reference::Convolution;
using reference::Values;
using Matrix = std::array<std::array<double, 6>, 6>;  // smaller ones fill the upper left

// The transforms for the points 0, 5/8, -5/8, 3/2, -3/2 and infinity by Cook and Toom's construction: rows of
// G and columns of A^T are powers of the points, rows of B^T are the coefficients of prod (x - other points).
struct Transforms {
  Matrix output{}, kernel{}, input{};  // A^T 4x6, G 6x3, B^T 6x6

  Transforms() {
    const Values points{0, 0.625, -0.625, 1.5, -1.5};
    for (std::size_t p = 0; p < 5; ++p) {
      Values polynomial{1};
      double scale = 1;
      for (std::size_t q = 0; q < 5; ++q)
        if (q != p) {
          polynomial = times_root(polynomial, points[q]);
          scale *= points[p] - points[q];
        }
      std::copy(polynomial.begin(), polynomial.end(), input[p].begin());
      for (std::size_t k = 0; k < 4; ++k) output[k][p] = std::pow(points[p], k);
      for (std::size_t k = 0; k < 3; ++k) kernel[p][k] = std::pow(points[p], k) / scale;
    }
    Values all{1};
    for (double point : points) all = times_root(all, point);
    std::copy(all.begin(), all.end(), input[5].begin());
    output[3][5] = kernel[5][2] = 1;
  }

  static Values times_root(const Values& polynomial, double root) {
    Values out(polynomial.size() + 1);
    for (std::size_t i = 0; i < polynomial.size(); ++i) {
      out[i + 1] += polynomial[i];
      out[i] -= root * polynomial[i];
    }
    return out;
  }
};

Matrix product(const Matrix& a, const Matrix& b) {
  Matrix out{};
  for (std::size_t i = 0; i < 6; ++i)
    for (std::size_t k = 0; k < 6; ++k)
      for (std::size_t j = 0; j < 6; ++j) out[i][j] += a[i][k] * b[k][j];
  return out;
}

Matrix transposed(const Matrix& m) {
  Matrix out;
  for (std::size_t i = 0; i < 6; ++i)
    for (std::size_t j = 0; j < 6; ++j) out[j][i] = m[i][j];
  return out;
}

// m d m^T
Matrix two_sided(const Matrix& m, const Matrix& d) {
  return product(product(m, d), transposed(m));
}

Matrix magnitudes(Matrix m) {
  for (auto& row : m)
    for (double& value : row) value = std::abs(value);
  return m;
}

}  // namespace

Values winograd_in_fp64(const Convolution& c, const Values& x, const Values& w, bool exact) {
  const Transforms t;
  const auto used = [&](const Matrix& m) { return exact ? m : magnitudes(m); };
  const int tile_rows = (c.in_height + 3) / 4, tile_columns = (c.in_width + 3) / 4;
  std::vector<Matrix> kernels;
  for (int k = 0; k < c.out_channels * c.in_channels; ++k) {
    Matrix g{};
    for (std::size_t i = 0; i < 9; ++i) g[i / 3][i % 3] = w[static_cast<std::size_t>(k) * 9 + i];
    kernels.push_back(used(two_sided(t.kernel, g)));
  }
  Values y(c.y_count());
  for (int tile = 0; tile < c.images * tile_rows * tile_columns; ++tile) {
    const int n = tile / (tile_rows * tile_columns), row = tile / tile_columns % tile_rows * 4,
              column = tile % tile_columns * 4;
    std::vector<Matrix> inputs;
    for (int i = 0; i < c.in_channels; ++i) {
      Matrix d{};
      for (int r = 0; r < 6; ++r)
        for (int s = 0; s < 6; ++s) {
          const int p = row + r - 1, q = column + s - 1;
          if (p < 0 || q < 0 || p >= c.in_height || q >= c.in_width) continue;
          const double value =
              x[static_cast<std::size_t>(((n * c.in_channels + i) * c.in_height + p) * c.in_width + q)];
          d[static_cast<std::size_t>(r)][static_cast<std::size_t>(s)] = exact ? value : std::abs(value);
        }
      inputs.push_back(two_sided(used(t.input), d));
    }
    for (int o = 0; o < c.out_channels; ++o) {
      Matrix m{};
      for (int i = 0; i < c.in_channels; ++i)
        for (std::size_t p = 0; p < 36; ++p)
          m[p / 6][p % 6] += kernels[static_cast<std::size_t>(o * c.in_channels + i)][p / 6][p % 6] *
                             inputs[static_cast<std::size_t>(i)][p / 6][p % 6];
      const Matrix out = two_sided(used(t.output), m);
      for (int r = 0; r < 4 && row + r < c.in_height; ++r)
        for (int s = 0; s < 4 && column + s < c.in_width; ++s)
          y[static_cast<std::size_t>(((n * c.out_channels + o) * c.in_height + row + r) * c.in_width +
                                     column + s)] =
              out[static_cast<std::size_t>(r)][static_cast<std::size_t>(s)];
    }
  }
  return y;
}

Values winograd_weight_gradient_in_fp64(const Convolution& c, const Values& x, const Values& dy, bool exact) {
  const Transforms t;
  const auto used = [&](const Matrix& m) { return exact ? m : magnitudes(m); };
  const int tile_rows = (c.in_height + 3) / 4, tile_columns = (c.in_width + 3) / 4;
  const auto tiles_of = [&](const Matrix& m, const Values& values, int channels, int size, int before) {
    std::vector<Matrix> out;
    for (int n = 0; n < c.images; ++n)
      for (int row = 0; row < tile_rows; ++row)
        for (int column = 0; column < tile_columns; ++column)
          for (int i = 0; i < channels; ++i) {
            Matrix d{};
            for (int r = 0; r < size; ++r)
              for (int s = 0; s < size; ++s) {
                const int p = row * 4 + r - before, q = column * 4 + s - before;
                if (p < 0 || q < 0 || p >= c.in_height || q >= c.in_width) continue;
                d[static_cast<std::size_t>(r)][static_cast<std::size_t>(s)] =
                    values[static_cast<std::size_t>(((n * channels + i) * c.in_height + p) * c.in_width + q)];
              }
            out.push_back(two_sided(used(m), exact ? d : magnitudes(d)));
          }
    return out;
  };
  const std::vector<Matrix> inputs = tiles_of(t.input, x, c.in_channels, 6, 1);
  const std::vector<Matrix> gradients = tiles_of(transposed(t.output), dy, c.out_channels, 4, 0);
  Values dw(c.w_count());
  for (int o = 0; o < c.out_channels; ++o)
    for (int i = 0; i < c.in_channels; ++i) {
      Matrix sum{};
      for (int tile = 0; tile < c.images * tile_rows * tile_columns; ++tile)
        for (std::size_t p = 0; p < 36; ++p)
          sum[p / 6][p % 6] += inputs[static_cast<std::size_t>(tile * c.in_channels + i)][p / 6][p % 6] *
                               gradients[static_cast<std::size_t>(tile * c.out_channels + o)][p / 6][p % 6];
      const Matrix g = two_sided(used(transposed(t.kernel)), sum);
      for (std::size_t k = 0; k < 9; ++k)
        dw[static_cast<std::size_t>(o * c.in_channels + i) * 9 + k] = g[k / 3][k % 3];
    }
  return dw;
}

}  // namespace mebm::kernels::conv2d::winograd

#pragma once
// Float64 oracles: naive loops from the formulas, plain N,C,H,W arrays, no code shared with kernels/.

#include <array>
#include <cstdint>
#include <vector>

namespace mebm::reference {

using Values = std::vector<double>;

struct Convolution {
  int images = 1, in_channels = 1, in_height = 1, in_width = 1, out_channels = 1;
  int kernel = 3, stride = 1, padding = 1;

  int out_height() const { return (in_height + 2 * padding - kernel) / stride + 1; }
  int out_width() const { return (in_width + 2 * padding - kernel) / stride + 1; }
  std::size_t x_count() const {
    return static_cast<std::size_t>(images) * static_cast<std::size_t>(in_channels * in_height * in_width);
  }
  std::size_t y_count() const {
    return static_cast<std::size_t>(images) *
           static_cast<std::size_t>(out_channels * out_height() * out_width());
  }
  std::size_t w_count() const {
    return static_cast<std::size_t>(out_channels * in_channels * kernel * kernel);
  }
};

// y = conv(x, w) + bias + residual; bias, residual may be empty.
Values convolution(const Convolution& c, const Values& x, const Values& w, const Values& bias,
                   const Values& residual);
// Gradients of <dy, y>.
Values convolution_input_gradient(const Convolution& c, const Values& dy, const Values& w);
Values convolution_weight_gradient(const Convolution& c, const Values& x, const Values& dy);
Values convolution_bias_gradient(const Convolution& c, const Values& dy);

// Batch-norm + LeakyReLU over x [rows][channels][pixels]; group g holds counts[g] consecutive rows.
struct BatchNorm {
  int channels = 1, pixels = 1;
  std::vector<int> counts;
  double eps = 1e-5, leak = 0.2;

  int rows() const;
  std::size_t count() const { return static_cast<std::size_t>(rows() * channels * pixels); }
  int group_of(int row) const;
};

struct BatchNormState {
  Values mean, variance;  // [groups][channels], biased
  Values u, z;            // before and after LeakyReLU
};

BatchNormState batch_norm(const BatchNorm& b, const Values& x, const Values& gamma, const Values& beta);
// With given statistics [channels] instead of the batch's.
BatchNormState batch_norm_given(const BatchNorm& b, const Values& x, const Values& gamma, const Values& beta,
                                const Values& mean, const Values& variance);

struct BatchNormGradient {
  Values dx, dgamma, dbeta;  // dgamma, dbeta [groups][channels]
};

// The chain rule node by node: dz -> du -> dxhat -> dvariance, dmean -> dx.
BatchNormGradient batch_norm_gradient(const BatchNorm& b, const BatchNormState& state, const Values& x,
                                      const Values& gamma, const Values& dz, bool through_statistics);

// features [images][channels] of x [images][channels][pixels]
Values global_average(int images, int channels, int pixels, const Values& x);
// y [rows][outputs] = x [rows][inputs] w^T + bias
Values linear(int rows, int inputs, int outputs, const Values& x, const Values& w, const Values& bias);
// C [m][n] = op(A) op(B)
Values product(bool transpose_a, bool transpose_b, int m, int n, int k, const Values& a, const Values& b);

Values logsumexp(int rows, int classes, const Values& logits);
Values softmax(int rows, int classes, const Values& logits);
double cross_entropy(int rows, int classes, const Values& logits, const std::vector<int>& labels);

// Mean and covariance (divided by n) of rows [n][d]: the mean first, then centred products.
void moments(int n, int d, const Values& rows, Values& mean, Values& covariance);
// Lower factor, row by row (Cholesky-Banachiewicz).
Values cholesky(int d, const Values& matrix);

// Philox4x32-10 as in Salmon et al. (SC 2011), figure 2.
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);
// Four normals from four words: u = (r + 1/2) / 2^32, Box-Muller on (r0, r1) and (r2, r3).
std::array<double, 4> box_muller(const std::array<std::uint32_t, 4>& words);
// Element e of a slot's sequence: counter {e / 4, slot, step | purpose << 24, iteration}.
double normal(std::uint64_t seed, std::uint32_t purpose, std::uint32_t iteration, std::uint32_t slot,
              std::uint32_t step, std::uint32_t element);

struct Langevin {
  double step_size = 1, noise = 0, gradient_clamp = 0, pixel_clamp = 0;
};
double langevin(const Langevin& l, double x, double gradient, double normal);

}  // namespace mebm::reference

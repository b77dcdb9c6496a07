#include "tests/reference/oracle.h"

namespace mebm::reference {
namespace {

// Calls visit(x index, w index, y index) for every product of the convolution.
template <typename Visit>
void for_each_product(const Convolution& c, const Visit& visit) {
  for (int n = 0; n < c.images; ++n)
    for (int o = 0; o < c.out_channels; ++o)
      for (int p = 0; p < c.out_height(); ++p)
        for (int q = 0; q < c.out_width(); ++q)
          for (int i = 0; i < c.in_channels; ++i)
            for (int r = 0; r < c.kernel; ++r)
              for (int s = 0; s < c.kernel; ++s) {
                const int h = p * c.stride + r - c.padding, w = q * c.stride + s - c.padding;
                if (h < 0 || h >= c.in_height || w < 0 || w >= c.in_width) continue;
                visit(static_cast<std::size_t>(((n * c.in_channels + i) * c.in_height + h) * c.in_width + w),
                      static_cast<std::size_t>(((o * c.in_channels + i) * c.kernel + r) * c.kernel + s),
                      static_cast<std::size_t>(
                          ((n * c.out_channels + o) * c.out_height() + p) * c.out_width() + q));
              }
}

std::size_t channel_of(const Convolution& c, std::size_t y) {
  return y / static_cast<std::size_t>(c.out_height() * c.out_width()) %
         static_cast<std::size_t>(c.out_channels);
}

}  // namespace

Values convolution(const Convolution& c, const Values& x, const Values& w, const Values& bias,
                   const Values& residual) {
  Values y(c.y_count());
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (!bias.empty()) y[i] += bias[channel_of(c, i)];
    if (!residual.empty()) y[i] += residual[i];
  }
  for_each_product(c, [&](std::size_t xi, std::size_t wi, std::size_t yi) { y[yi] += x[xi] * w[wi]; });
  return y;
}

Values convolution_input_gradient(const Convolution& c, const Values& dy, const Values& w) {
  Values dx(c.x_count());
  for_each_product(c, [&](std::size_t xi, std::size_t wi, std::size_t yi) { dx[xi] += dy[yi] * w[wi]; });
  return dx;
}

Values convolution_weight_gradient(const Convolution& c, const Values& x, const Values& dy) {
  Values dw(c.w_count());
  for_each_product(c, [&](std::size_t xi, std::size_t wi, std::size_t yi) { dw[wi] += x[xi] * dy[yi]; });
  return dw;
}

Values convolution_bias_gradient(const Convolution& c, const Values& dy) {
  Values dbias(static_cast<std::size_t>(c.out_channels));
  for (std::size_t i = 0; i < dy.size(); ++i) dbias[channel_of(c, i)] += dy[i];
  return dbias;
}

}  // namespace mebm::reference

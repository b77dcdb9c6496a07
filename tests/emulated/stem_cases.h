#pragma once
// Cases of the stem's kernels: shapes, inputs as a device holds them, the CPU's convolution.

#include <string>
#include <vector>

#include "kernels/conv2d/conv2d.h"
#include "kernels/stem_conv2d/stem_conv2d.h"
#include "tests/emulated/device_array.h"
#include "tests/reference/test_data.h"

namespace mebm::test {

namespace conv2d = kernels::conv2d;
namespace stem = kernels::stem_conv2d::device;
using kernels::Arithmetic;
using reference::Convolution;
using reference::Values;

Convolution shape_of(int images, int in, int height, int width, int out);

// Every number of input channels; widths of a whole number of tiles and others; images smaller than the
// kernel; both ends of the output channels and what the networks use.
const std::vector<Convolution>& shapes();

stem::Params params_of(const Convolution& c);
std::string text_of(const Convolution& c);

// The CPU's fp64 convolution, plain layouts: `output` of `outputs` values; weights w are prepared here.
Values cpu_convolution(const Convolution& c, conv2d::Direction direction, conv2d::Buffers buffers,
                       const Values& w, std::size_t outputs, void* conv2d::Buffers::*output);

// plain [a][b][c] <-> [a][c][b]: feature maps (images, channels, pixels) and weights (out, in, taps).
template <typename V>
std::vector<V> swapped(int a, int b, int c, const std::vector<V>& values) {
  std::vector<V> out(values.size());
  for (int i = 0; i < a; ++i)
    for (int j = 0; j < b; ++j)
      for (int k = 0; k < c; ++k)
        out[static_cast<std::size_t>((i * c + k) * b + j)] =
            values[static_cast<std::size_t>((i * b + j) * c + k)];
  return out;
}
template <typename V>
std::vector<V> device_weights(const Convolution& c, const std::vector<V>& plain) {
  return swapped(c.out_channels, c.in_channels, 9, plain);
}
template <typename V>
std::vector<V> plain_weights(const Convolution& c, const std::vector<V>& device) {
  return swapped(c.out_channels, 9, c.in_channels, device);
}
template <typename V>
std::vector<V> channels_last(const Convolution& c, const std::vector<V>& plain) {
  return swapped(c.images, c.out_channels, c.in_height * c.in_width, plain);
}
template <typename V>
std::vector<V> plain_features(const Convolution& c, const std::vector<V>& last) {
  return swapped(c.images, c.in_height * c.in_width, c.out_channels, last);
}

// Inputs of a case as stored on a device of feature type T.
template <typename T>
struct Inputs {
  using A = Arithmetic<T>;
  Convolution c;
  Values x, w, bias, dy;  // plain, in fp64, exactly what the device holds

  explicit Inputs(const Convolution& shape)
      : c(shape),
        x(reference::random_values(c.x_count(), 1)),
        w(reference::random_values(c.w_count(), 2)),
        bias(reference::random_values(static_cast<std::size_t>(c.out_channels), 3)),
        dy(widened(narrowed<T>(reference::random_values(c.y_count(), 4)))) {}

  DeviceArray<A> device_x() const { return DeviceArray<A>(narrowed<A>(x)); }
  DeviceArray<A> device_w() const { return DeviceArray<A>(device_weights(c, narrowed<A>(w))); }
  DeviceArray<A> device_bias() const { return DeviceArray<A>(narrowed<A>(bias)); }
  DeviceArray<T> device_dy() const { return DeviceArray<T>(channels_last(c, narrowed<T>(dy))); }
};

}  // namespace mebm::test

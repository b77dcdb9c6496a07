#include "metrics/inception_input.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "engine/core/error.h"

namespace mebm::metrics {
namespace {

constexpr int kMaxSide = 8192;
constexpr int kChannels = 3;

struct Protocol {
  InceptionProtocol protocol;
  std::string_view name, description;
};
constexpr std::array<Protocol, 3> kProtocols{{
    {InceptionProtocol::torch_fidelity, "torch-fidelity",
     "TF1 bilinear to 299x299 without half-pixel offset, (v-128)/128"},
    {InceptionProtocol::pytorch_fid, "pytorch-fid", "half-pixel bilinear to 299x299, v/127.5-1"},
    {InceptionProtocol::clean, "clean", "antialiased bicubic to 299x299, clipped to 0...255, (v-128)/128"},
}};

const Protocol& entry(InceptionProtocol protocol) {
  return *std::find_if(kProtocols.begin(), kProtocols.end(),
                       [protocol](const Protocol& p) { return p.protocol == protocol; });
}

// Two neighbours from a position; one where the second lies outside.
void add_pair(ResizeAxis& axis, float position) {
  const int low = std::min(static_cast<int>(position), axis.inputs - 1);
  const float fraction = position - static_cast<float>(low);
  const bool pair = low + 1 < axis.inputs;
  axis.first.push_back(low);
  axis.count.push_back(pair ? 2 : 1);
  axis.weights.push_back(pair ? 1.0f - fraction : 1.0f);
  axis.weights.push_back(fraction);
}

ResizeAxis bilinear(int inputs, int outputs, bool half_pixels) {
  ResizeAxis axis;
  axis.stride = 2;
  axis.inputs = inputs;
  const float scale = static_cast<float>(inputs) / static_cast<float>(outputs);
  for (int i = 0; i < outputs; ++i) {
    const auto at = static_cast<float>(i);
    add_pair(axis, half_pixels ? std::max(scale * (at + 0.5f) - 0.5f, 0.0f) : at * scale);
  }
  return axis;
}

double cubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

ResizeAxis antialiased_bicubic(int inputs, int outputs) {
  const double scale = static_cast<double>(inputs) / outputs, widening = std::max(scale, 1.0);
  const double support = 2 * widening;
  ResizeAxis axis;
  axis.stride = 2 * static_cast<int>(std::ceil(support)) + 1;
  axis.inputs = inputs;
  for (int i = 0; i < outputs; ++i) {
    const double center = (i + 0.5) * scale;
    const int first = std::max(static_cast<int>(center - support + 0.5), 0);
    const int count = std::min(static_cast<int>(center + support + 0.5), inputs) - first;
    std::vector<double> weights(static_cast<std::size_t>(axis.stride), 0.0);
    double sum = 0;
    for (int k = 0; k < count; ++k) {
      weights[static_cast<std::size_t>(k)] = cubic((k + first - center + 0.5) / widening);
      sum += weights[static_cast<std::size_t>(k)];
    }
    for (double& w : weights) w /= sum;
    axis.first.push_back(first);
    axis.count.push_back(count);
    axis.weights.insert(axis.weights.end(), weights.begin(), weights.end());
  }
  return axis;
}

ResizeAxis axis_of(InceptionProtocol protocol, int inputs, int outputs) {
  if (inputs < 1 || inputs > kMaxSide)
    engine::fail_input("images with a side of {} pixels, the Inception network takes 1 to {}", inputs,
                       kMaxSide);
  return protocol == InceptionProtocol::clean
             ? antialiased_bicubic(inputs, outputs)
             : bilinear(inputs, outputs, protocol == InceptionProtocol::pytorch_fid);
}

// How an output is made of `count` inputs, `step` floats apart.
float lerp(const float* v, std::ptrdiff_t step, int count, const double* w) {
  return count == 1 ? v[0] : v[0] + (v[step] - v[0]) * static_cast<float>(w[1]);
}

float weigh_pair(const float* v, std::ptrdiff_t step, int count, const double* w) {
  return count == 1 ? v[0] : v[0] * static_cast<float>(w[0]) + v[step] * static_cast<float>(w[1]);
}

float weigh_all(const float* v, std::ptrdiff_t step, int count, const double* w) {
  double sum = 0;
  for (int k = 0; k < count; ++k) sum += v[k * step] * w[k];
  return static_cast<float>(sum);
}

// [rows.inputs, columns.inputs] -> [rows outputs, columns outputs], along x first.
template <typename Combine>
void resize(const std::vector<float>& in, const ResizeAxis& rows, const ResizeAxis& columns,
            const Combine& combine, float* out) {
  const std::size_t width = columns.first.size(), inputs = static_cast<std::size_t>(columns.inputs);
  std::vector<float> narrow(static_cast<std::size_t>(rows.inputs) * width);
  for (std::size_t y = 0; y < static_cast<std::size_t>(rows.inputs); ++y)
    for (std::size_t x = 0; x < width; ++x)
      narrow[y * width + x] =
          combine(in.data() + y * inputs + static_cast<std::size_t>(columns.first[x]), 1, columns.count[x],
                  columns.weights.data() + x * static_cast<std::size_t>(columns.stride));
  for (std::size_t y = 0; y < rows.first.size(); ++y) {
    const float* from = narrow.data() + static_cast<std::size_t>(rows.first[y]) * width;
    const double* weights = rows.weights.data() + y * static_cast<std::size_t>(rows.stride);
    for (std::size_t x = 0; x < width; ++x)
      out[y * width + x] = combine(from + x, static_cast<std::ptrdiff_t>(width), rows.count[y], weights);
  }
}

}  // namespace

std::string_view name_of(InceptionProtocol protocol) {
  return entry(protocol).name;
}

std::string_view description_of(InceptionProtocol protocol) {
  return entry(protocol).description;
}

InceptionProtocol parse_inception_protocol(std::string_view text) {
  for (const Protocol& p : kProtocols)
    if (p.name == text) return p.protocol;
  engine::fail_input("protocol '{}' is unknown; the protocols are {}, {} and {}", text, kProtocols[0].name,
                     kProtocols[1].name, kProtocols[2].name);
}

InceptionInput::InceptionInput(InceptionProtocol protocol, int height, int width, int size)
    : protocol_(protocol),
      size_(size),
      rows_(axis_of(protocol, height, size)),
      columns_(axis_of(protocol, width, size)) {}

void InceptionInput::prepare_plane(const std::uint8_t* pixels, float* out) const {
  std::vector<float> plane(static_cast<std::size_t>(rows_.inputs) *
                           static_cast<std::size_t>(columns_.inputs));
  const bool pytorch = protocol_ == InceptionProtocol::pytorch_fid;
  for (std::size_t i = 0; i < plane.size(); ++i)
    plane[i] = pytorch ? static_cast<float>(pixels[i]) / 255.0f : static_cast<float>(pixels[i]);
  const std::size_t values = static_cast<std::size_t>(size_) * static_cast<std::size_t>(size_);
  switch (protocol_) {
    case InceptionProtocol::torch_fidelity:
      resize(plane, rows_, columns_, lerp, out);
      for (std::size_t i = 0; i < values; ++i) out[i] = (out[i] - 128.0f) / 128.0f;
      return;
    case InceptionProtocol::pytorch_fid:
      resize(plane, rows_, columns_, weigh_pair, out);
      for (std::size_t i = 0; i < values; ++i) out[i] = 2.0f * out[i] - 1.0f;
      return;
    case InceptionProtocol::clean:
      resize(plane, rows_, columns_, weigh_all, out);
      for (std::size_t i = 0; i < values; ++i) out[i] = (std::clamp(out[i], 0.0f, 255.0f) - 128.0f) / 128.0f;
      return;
  }
}

void InceptionInput::prepare(const BytesView& images, int threads, float* out) const {
  if (images.channels != 1 && images.channels != kChannels)
    engine::fail_input("images of {} channels, the Inception network takes 1 (grey) or 3 (red, green, blue)",
                       images.channels);
  engine::require(images.height == rows_.inputs && images.width == columns_.inputs,
                  "images of {}x{} pixels, expected {}x{}", images.height, images.width, rows_.inputs,
                  columns_.inputs);
  const std::int64_t planes = images.count * images.channels;
  const std::int64_t in_size = std::int64_t{images.height} * images.width,
                     out_size = std::int64_t{size_} * size_;
  const int copies = kChannels / images.channels;
#pragma omp parallel for num_threads(threads) schedule(static)
  for (std::int64_t p = 0; p < planes; ++p) {
    float* to = out + p * copies * out_size;
    prepare_plane(images.pixels.data() + p * in_size, to);
    for (int copy = 1; copy < copies; ++copy) std::copy_n(to, out_size, to + copy * out_size);
  }
}

}  // namespace mebm::metrics

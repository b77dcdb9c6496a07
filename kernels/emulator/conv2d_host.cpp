// The emulator's convolutions: im2col in the workspace, one image at a time, and Eigen's matrix product, in
// the arithmetic of the element type (bf16: fp32, rounded once; tf32: fp32). One thread, one order.

#include <Eigen/Core>

#include <algorithm>
#include <vector>

#include "kernels/conv2d/conv2d_checks.h"
#include "kernels/core/bfloat16.h"
#include "kernels/emulator/emulated_runtime.h"

namespace mebm::kernels::conv2d::device {
namespace {

template <typename A>
using Matrix = Eigen::Matrix<A, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <typename A>
using View = Eigen::Map<Matrix<A>>;

// One convolution on feature maps of T; columns: [out pixels][kernel rows][kernel columns][in channels].
template <typename T>
class HostConvolution {
 public:
  using A = Arithmetic<T>;

  explicit HostConvolution(const Params& params)
      : p_(params),
        in_elements_(p_.in_height * p_.in_width * p_.in_channels),
        out_pixels_(p_.out_height * p_.out_width),
        patch_(p_.kernel * p_.kernel * p_.in_channels) {}

  void forward(const Buffers& b) const {
    const Matrix<A> weights = widened(b.weights, 0, p_.out_channels, patch_);
    const Matrix<A> bias = b.bias == nullptr ? Matrix<A>(0, 0) : widened(b.bias, 0, 1, p_.out_channels);
    for (std::int64_t n = 0; n < p_.images; ++n) {
      const View<A> columns = image_to_columns(b, n);
      Matrix<A> out = columns * weights.transpose();
      if (b.bias != nullptr) out.rowwise() += bias.row(0);
      const std::int64_t at = n * out_pixels_ * p_.out_channels;
      if (p_.accumulate) out += widened(b.residual, at, out_pixels_, p_.out_channels);
      narrow_to(out, static_cast<T*>(b.y) + at);
    }
  }

  void backward_data(const Buffers& b) const {
    const Matrix<A> weights = widened(b.weights, 0, p_.out_channels, patch_);
    for (std::int64_t n = 0; n < p_.images; ++n) {
      View<A> columns(static_cast<A*>(b.workspace), out_pixels_, patch_);
      columns.noalias() =
          widened(b.dy, n * out_pixels_ * p_.out_channels, out_pixels_, p_.out_channels) * weights;
      Matrix<A> image = Matrix<A>::Zero(1, in_elements_);
      for_each_tap([&](std::int64_t column, std::int64_t pixel) {
        if (pixel < 0) return;
        for (std::int64_t c = 0; c < p_.in_channels; ++c) image(0, pixel + c) += columns.data()[column + c];
      });
      narrow_to(image, static_cast<T*>(b.dx) + n * in_elements_);
    }
  }

  void backward_weights(const Buffers& b) const {
    Matrix<A> dw = Matrix<A>::Zero(p_.out_channels, patch_);
    for (std::int64_t n = 0; n < p_.images; ++n) {
      const View<A> columns = image_to_columns(b, n);
      dw.noalias() +=
          widened(b.dy, n * out_pixels_ * p_.out_channels, out_pixels_, p_.out_channels).transpose() *
          columns;
    }
    narrow_to(dw, static_cast<T*>(b.dw));
  }

 private:
  static Matrix<A> widened(const void* memory, std::int64_t at, std::int64_t rows, std::int64_t columns) {
    Matrix<A> out(rows, columns);
    const T* from = static_cast<const T*>(memory) + at;
    std::transform(from, from + rows * columns, out.data(), [](T value) { return widen(value); });
    return out;
  }
  static void narrow_to(const Matrix<A>& values, T* to) {
    std::transform(values.data(), values.data() + values.size(), to,
                   [](A value) { return narrow<T>(value); });
  }

  // visit(offset of the tap's channels in the columns, and in the image or -1 outside it)
  template <typename Visit>
  void for_each_tap(const Visit& visit) const {
    std::int64_t column = 0;
    for (std::int64_t oh = 0; oh < p_.out_height; ++oh)
      for (std::int64_t ow = 0; ow < p_.out_width; ++ow)
        for (std::int64_t r = 0; r < p_.kernel; ++r)
          for (std::int64_t s = 0; s < p_.kernel; ++s, column += p_.in_channels) {
            const std::int64_t ih = oh * p_.stride + r - p_.padding, iw = ow * p_.stride + s - p_.padding;
            const bool inside = ih >= 0 && ih < p_.in_height && iw >= 0 && iw < p_.in_width;
            visit(column, inside ? (ih * p_.in_width + iw) * p_.in_channels : std::int64_t{-1});
          }
  }

  View<A> image_to_columns(const Buffers& b, std::int64_t n) const {
    const T* image = static_cast<const T*>(b.x) + n * in_elements_;
    auto* columns = static_cast<A*>(b.workspace);
    for_each_tap([&](std::int64_t column, std::int64_t pixel) {
      for (std::int64_t c = 0; c < p_.in_channels; ++c)
        columns[column + c] = pixel < 0 ? A(0) : widen(image[pixel + c]);
    });
    return {columns, out_pixels_, patch_};
  }

  Params p_;
  std::int64_t in_elements_, out_pixels_, patch_;
};

template <typename T>
class HostPlan final : public Plan {
 public:
  HostPlan(const Params& params, Direction direction, Element element)
      : params_(params), direction_(direction), element_(element) {}

  std::size_t workspace_bytes() const override {
    return static_cast<std::size_t>(columns()) * sizeof(Arithmetic<T>);
  }
  std::string description() const override { return "host"; }

  Status execute(const DeviceExec& exec, const Buffers& b) const override {
    if (std::string problem = buffers_problem(params_, direction_, workspace_bytes(), b); !problem.empty())
      return Status(name_of(params_, direction_, element_) + ": " + problem);
    runtime::Accesses accesses;
    accesses.write(static_cast<const Arithmetic<T>*>(b.workspace), columns());
    const std::int64_t x = x_elements(params_), y = y_elements(params_), w = weight_elements(params_);
    switch (direction_) {
      case Direction::forward:
        accesses.read(as(b.x), x).read(as(b.weights), w).read(as(b.bias), params_.out_channels);
        accesses.read(as(b.residual), y).write(as(b.y), y);
        break;
      case Direction::backward_data:
        accesses.read(as(b.dy), y).read(as(b.weights), w).write(as(b.dx), x);
        break;
      case Direction::backward_weights:
        accesses.read(as(b.x), x).read(as(b.dy), y).write(as(b.dw), w);
        break;
    }
    return emulator::enqueue(exec.stream, name_of(direction_), accesses,
                             [convolution = HostConvolution<T>(params_), direction = direction_, b] {
                               if (direction == Direction::forward) convolution.forward(b);
                               if (direction == Direction::backward_data) convolution.backward_data(b);
                               if (direction == Direction::backward_weights) convolution.backward_weights(b);
                               return Status();
                             });
  }

 private:
  static const T* as(const void* memory) { return static_cast<const T*>(memory); }
  std::int64_t columns() const {
    return params_.out_height * params_.out_width * params_.kernel * params_.kernel * params_.in_channels;
  }

  Params params_;
  Direction direction_;
  Element element_;
};

class HostLibrary final : public Library {
 public:
  PlanResult make_plan(const Params& params, Direction direction, Element element) override {
    if (std::string problem = params_problem(params); !problem.empty())
      return {nullptr, Status(name_of(params, direction, element) + ": " + problem)};
    switch (element) {
      case Element::bf16:
        return {std::make_unique<HostPlan<bfloat16>>(params, direction, element), {}};
      case Element::tf32:
      case Element::fp32:
        return {std::make_unique<HostPlan<float>>(params, direction, element), {}};
      case Element::fp64:
        break;
    }
    return {std::make_unique<HostPlan<double>>(params, direction, element), {}};
  }
  Status tune(const DeviceExec&, const Params&, Direction, Element) override { return {}; }
  Status save_plans(const std::string&) const override { return {}; }
};

}  // namespace

LibraryResult make_library(const std::string&) {
  return {std::make_unique<HostLibrary>(), {}};
}

}  // namespace mebm::kernels::conv2d::device

// fp64 convolutions: im2col per image, then one matrix product. For checks, not for speed.

#include <Eigen/Core>

#include <algorithm>
#include <cstring>

#include "kernels/conv2d/conv2d.h"

namespace mebm::kernels::conv2d {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using In = Eigen::Map<const Matrix>;
using Out = Eigen::Map<Matrix>;

// Weight gradients are summed over this many fixed ranges of images, then over the ranges in order, so that
// the result does not depend on the number of threads.
constexpr std::int64_t kWeightRanges = 4;

class GemmPlan final : public Plan {
 public:
  GemmPlan(const CpuExec& exec, const Params& params, Direction direction)
      : exec_(exec),
        p_(params),
        direction_(direction),
        in_pixels_(p_.in_height * p_.in_width),
        out_pixels_(p_.out_height * p_.out_width),
        patch_(p_.in_channels * p_.kernel * p_.kernel) {}

  int source_block() const override { return 1; }
  int destination_block() const override { return 1; }
  std::size_t prepared_weight_bytes() const override { return weight_count() * sizeof(double); }
  std::size_t workspace_bytes() const override {
    const std::size_t columns = static_cast<std::size_t>(workers() * patch_ * out_pixels_);
    const std::size_t partial = direction_ == Direction::backward_weights
                                    ? static_cast<std::size_t>(kWeightRanges) *
                                          (weight_count() + static_cast<std::size_t>(p_.out_channels))
                                    : 0;
    return (columns + partial) * sizeof(double);
  }
  const char* algorithm() const override { return "gemm"; }
  std::uint64_t weight_format() const override { return 0; }
  void prepare_weights(const void* plain, void* prepared) const override {
    std::memcpy(prepared, plain, prepared_weight_bytes());
  }

  std::string execute(const Buffers& b) const override {
    switch (direction_) {
      case Direction::forward:
        forward(b);
        break;
      case Direction::backward_data:
        backward_data(b);
        break;
      case Direction::backward_weights:
        backward_weights(b);
        break;
    }
    return {};
  }

 private:
  std::size_t weight_count() const { return static_cast<std::size_t>(p_.out_channels * patch_); }
  std::int64_t workers() const {
    return direction_ == Direction::backward_weights ? kWeightRanges : std::max(1, exec_.threads);
  }
  // Calls visit(row of the column matrix, input row offset, first and last output column, ...) per kernel
  // tap.
  template <typename Visit>
  void for_each_row(const Visit& visit) const {
    for (std::int64_t row = 0; row < patch_; ++row) {
      const std::int64_t channel = row / (p_.kernel * p_.kernel);
      const std::int64_t r = row / p_.kernel % p_.kernel, s = row % p_.kernel;
      for (std::int64_t oh = 0; oh < p_.out_height; ++oh) {
        const std::int64_t ih = oh * p_.stride + r - p_.padding;
        for (std::int64_t ow = 0; ow < p_.out_width; ++ow) {
          const std::int64_t iw = ow * p_.stride + s - p_.padding;
          const bool inside = ih >= 0 && ih < p_.in_height && iw >= 0 && iw < p_.in_width;
          visit(row * out_pixels_ + oh * p_.out_width + ow,
                inside ? channel * in_pixels_ + ih * p_.in_width + iw : std::int64_t{-1});
        }
      }
    }
  }
  void image_to_columns(const double* image, double* columns) const {
    for_each_row([&](std::int64_t to, std::int64_t from) { columns[to] = from < 0 ? 0 : image[from]; });
  }

  void forward(const Buffers& b) const {
    const auto* x = static_cast<const double*>(b.x);
    const auto* bias = static_cast<const double*>(b.bias);
    auto* y = static_cast<double*>(b.y);
    const In weights(static_cast<const double*>(b.weights), p_.out_channels, patch_);
#pragma omp parallel for schedule(static) num_threads(static_cast <int>(workers()))
    for (std::int64_t worker = 0; worker < workers(); ++worker) {
      double* columns = static_cast<double*>(b.workspace) + worker * patch_ * out_pixels_;
      for (std::int64_t n = worker; n < p_.images; n += workers()) {
        image_to_columns(x + n * p_.in_channels * in_pixels_, columns);
        Out out(y + n * p_.out_channels * out_pixels_, p_.out_channels, out_pixels_);
        if (!p_.accumulate) out.setZero();
        out.noalias() += weights * In(columns, patch_, out_pixels_);
        for (std::int64_t o = 0; bias != nullptr && o < p_.out_channels; ++o) out.row(o).array() += bias[o];
      }
    }
  }

  void backward_data(const Buffers& b) const {
    const auto* dy = static_cast<const double*>(b.dy);
    auto* dx = static_cast<double*>(b.dx);
    const In weights(static_cast<const double*>(b.weights), p_.out_channels, patch_);
#pragma omp parallel for schedule(static) num_threads(static_cast <int>(workers()))
    for (std::int64_t worker = 0; worker < workers(); ++worker) {
      double* columns = static_cast<double*>(b.workspace) + worker * patch_ * out_pixels_;
      for (std::int64_t n = worker; n < p_.images; n += workers()) {
        Out(columns, patch_, out_pixels_).noalias() =
            weights.transpose() * In(dy + n * p_.out_channels * out_pixels_, p_.out_channels, out_pixels_);
        double* image = dx + n * p_.in_channels * in_pixels_;
        std::fill_n(image, p_.in_channels * in_pixels_, 0.0);
        for_each_row([&](std::int64_t from, std::int64_t to) {
          if (to >= 0) image[to] += columns[from];
        });
      }
    }
  }

  void backward_weights(const Buffers& b) const {
    const auto* x = static_cast<const double*>(b.x);
    const auto* dy = static_cast<const double*>(b.dy);
    double* partial = static_cast<double*>(b.workspace) + kWeightRanges * patch_ * out_pixels_;
    const auto stride = static_cast<std::int64_t>(weight_count()) + p_.out_channels;
#pragma omp parallel for schedule(static) num_threads(exec_.threads)
    for (std::int64_t range = 0; range < kWeightRanges; ++range) {
      double* columns = static_cast<double*>(b.workspace) + range * patch_ * out_pixels_;
      std::fill_n(partial + range * stride, stride, 0.0);
      Out dw(partial + range * stride, p_.out_channels, patch_);
      double* dbias = partial + range * stride + static_cast<std::int64_t>(weight_count());
      for (std::int64_t n = range * p_.images / kWeightRanges; n < (range + 1) * p_.images / kWeightRanges;
           ++n) {
        image_to_columns(x + n * p_.in_channels * in_pixels_, columns);
        const In gradient(dy + n * p_.out_channels * out_pixels_, p_.out_channels, out_pixels_);
        dw.noalias() += gradient * In(columns, patch_, out_pixels_).transpose();
        for (std::int64_t o = 0; o < p_.out_channels; ++o) dbias[o] += gradient.row(o).sum();
      }
    }
    fold(partial, stride, weight_count(), static_cast<double*>(b.dw), b.accumulate_weights);
    fold(partial + weight_count(), stride, static_cast<std::size_t>(p_.out_channels),
         static_cast<double*>(b.dbias), b.accumulate_bias);
  }

  static void fold(const double* partial, std::int64_t stride, std::size_t count, double* out,
                   bool accumulate) {
    if (out == nullptr) return;
    for (std::size_t i = 0; i < count; ++i) {
      double sum = accumulate ? out[i] : 0;
      for (std::int64_t range = 0; range < kWeightRanges; ++range)
        sum += partial[range * stride + static_cast<std::int64_t>(i)];
      out[i] = sum;
    }
  }

  CpuExec exec_;
  Params p_;
  Direction direction_;
  std::int64_t in_pixels_, out_pixels_, patch_;
};

}  // namespace

PlanResult make_gemm_plan(const CpuExec& exec, const Params& params, Direction direction) {
  if (params.algorithm == Algorithm::winograd) return {nullptr, "there is no fp64 Winograd convolution"};
  return {std::make_unique<GemmPlan>(exec, params, direction), {}};
}

}  // namespace mebm::kernels::conv2d

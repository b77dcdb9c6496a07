#include "engine/ops/gaussian.h"

#include <algorithm>

#include "engine/ops/device/ops.h"
#include "engine/ops/dispatch.h"
#include "engine/ops/elementwise.h"
#include "kernels/gaussian/gaussian.h"

namespace mebm::engine::ops {

MomentAccumulator::MomentAccumulator(Context& context, std::int64_t dimension)
    : context_(context),
      dimension_(dimension),
      sum_(static_cast<std::size_t>(dimension)),
      moment_(static_cast<std::size_t>(dimension * dimension)) {
  if (!context.on_device()) return;
  device_moment_ = context.empty({dimension, dimension}, DType::fp64);
  fill(context, 0, device_moment_);
}

void MomentAccumulator::add_bytes(std::span<const std::uint8_t> images) {
  const auto rows = static_cast<std::int64_t>(images.size()) / dimension_;
  require(rows * dimension_ == static_cast<std::int64_t>(images.size()),
          "moments: {} values are no rows of {}", images.size(), dimension_);
  require(count_ == 0 || bytes_, "moments: byte images cannot follow floating ones");
  bytes_ = true;
  const std::int64_t chunk = std::min(rows, kernels::gaussian::kExactRows);
  std::vector<float> scratch(kernels::gaussian::second_moment_scratch_floats(chunk, dimension_));
  for (std::int64_t first = 0; first < rows; first += chunk) {
    const std::int64_t count = std::min(chunk, rows - first);
    const std::uint8_t* at = images.data() + first * dimension_;
    if (context_.on_device())
      device::add_moment_bytes(context_,
                               images.subspan(static_cast<std::size_t>(first * dimension_),
                                              static_cast<std::size_t>(count * dimension_)),
                               device_moment_);
    else
      kernels::gaussian::second_moment_bytes(context_.exec(), count, dimension_, at, moment_.data(),
                                             scratch.data());
    for (std::int64_t r = 0; r < count; ++r)
      for (std::int64_t i = 0; i < dimension_; ++i)
        sum_[static_cast<std::size_t>(i)] += static_cast<int>(at[r * dimension_ + i]) - 128;
  }
  count_ += rows;
}

void MomentAccumulator::add_values(std::span<const double> rows) {
  const auto count = static_cast<std::int64_t>(rows.size()) / dimension_;
  require(count * dimension_ == static_cast<std::int64_t>(rows.size()),
          "moments: {} values are no rows of {}", rows.size(), dimension_);
  require(count_ == 0 || !bytes_, "moments: floating images cannot follow byte ones");
  if (context_.on_device())
    device::add_moment_values(context_, rows, device_moment_);
  else
    kernels::gaussian::second_moment(context_.exec(), count, dimension_, rows.data(), moment_.data());
  for (std::int64_t r = 0; r < count; ++r)
    for (std::int64_t i = 0; i < dimension_; ++i)
      sum_[static_cast<std::size_t>(i)] += rows[static_cast<std::size_t>(r * dimension_ + i)];
  count_ += count;
}

void MomentAccumulator::finish(std::vector<double>& mean, std::vector<double>& covariance) {
  require(count_ > 0, "moments of no images");
  const auto d = static_cast<std::size_t>(dimension_);
  const double n = static_cast<double>(count_), unit = bytes_ ? 1 / 127.5 : 1,
               offset = bytes_ ? 128 / 127.5 - 1 : 0;
  if (context_.on_device()) read(device_moment_, moment_);
  kernels::gaussian::mirror_upper(dimension_, moment_.data());
  mean.resize(d);
  covariance = std::move(moment_);
  for (std::size_t i = 0; i < d; ++i) {
    mean[i] = sum_[i] / n * unit + offset;
    for (std::size_t j = 0; j < d; ++j) {
      double& entry = covariance[i * d + j];
      entry = (entry / n - (sum_[i] / n) * (sum_[j] / n)) * unit * unit;
    }
  }
}

void cholesky(Context& context, std::int64_t dimension, double jitter, std::span<double> covariance) {
  require(static_cast<std::int64_t>(covariance.size()) == dimension * dimension,
          "cholesky: {} values are no {} x {}", covariance.size(), dimension, dimension);
  for (std::int64_t i = 0; i < dimension; ++i)
    covariance[static_cast<std::size_t>(i * dimension + i)] += jitter;
  const std::int64_t failed = context.on_device()
                                  ? device::cholesky(context, dimension, covariance)
                                  : kernels::gaussian::cholesky(context.exec(), dimension, covariance.data());
  if (failed >= 0)
    fail(
        "the covariance plus {} on its diagonal is not positive definite (row {} of {}); raise "
        "init.jitter",
        jitter, failed, dimension);
}

void gaussian_draw(Context& context, const Tensor& mean, const Tensor& factor, const Tensor& z, double bound,
                   Tensor& out) {
  const std::int64_t d = mean.elements(), rows = z.extent(0);
  require(factor.elements() == d * d && z.elements() == rows * d && out.elements() == rows * d &&
              out.layout() == Layout::plain,
          "gaussian_draw: mean {}, factor {}, z {} and out {} do not fit", mean.shape(), factor.shape(),
          z.shape(), out.shape());
  out.bump_version();
  if (context.on_device()) return device::gaussian_draw(context, mean, factor, z, bound, out);
  dispatch_float(out.dtype(), "gaussian_draw", [&]<typename T>() {
    kernels::gaussian::draw(context.exec(), rows, d, bound, mean.as<T>(), factor.as<T>(), z.as<T>(),
                            out.as<T>());
  });
}

}  // namespace mebm::engine::ops

#pragma once
// Moments, factor and draws of a Gaussian (kernels/gaussian).

#include <cstdint>
#include <span>
#include <vector>

#include "engine/device/context.h"

namespace mebm::engine::ops {

// Mean and covariance (divided by N) of images added in any number of calls.
class MomentAccumulator {
 public:
  MomentAccumulator(Context& context, std::int64_t dimension);

  // Byte images [rows][dimension] standing for v / 127.5 - 1. Sums are exact integers, so the result does not
  // depend on the order or the partition of the images.
  void add_bytes(std::span<const std::uint8_t> images);
  // fp64 rows [rows][dimension].
  void add_values(std::span<const double> rows);

  std::int64_t count() const { return count_; }
  // mean [d], covariance [d][d] fp64. Bytes and values may not be mixed.
  void finish(std::vector<double>& mean, std::vector<double>& covariance);

 private:
  Context& context_;
  std::int64_t dimension_, count_ = 0;
  bool bytes_ = false;
  std::vector<double> sum_, moment_;
  Tensor device_moment_;  // on a device, instead of moment_
};

// Lower Cholesky factor of covariance + jitter I, in place, [d][d] fp64. Throws Error naming the first pivot
// that is not positive.
void cholesky(Context& context, std::int64_t dimension, double jitter, std::span<double> covariance);

// out [rows, ...] = clamp(mean + factor z, -bound, bound); z [rows, d], mean [d], factor [d, d]; bound 0: no
// clamp.
void gaussian_draw(Context& context, const Tensor& mean, const Tensor& factor, const Tensor& z, double bound,
                   Tensor& out);

}  // namespace mebm::engine::ops

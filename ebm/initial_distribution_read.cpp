#include "ebm/initial_distribution_read.h"

#include <algorithm>
#include <cmath>

#include "ebm/checkpoint_keys.h"
#include "engine/ops/gaussian.h"

namespace mebm::ebm {

using engine::DType;
using engine::fail_input;
using engine::Hdf5Reader;
using engine::Hdf5Shape;

namespace {

constexpr std::int64_t kMaxDimension = 65536;  // of a Gaussian over pixels: 256 x 256 grey, 147 x 147 colour

// The images a stored distribution is for: the shape of `mean` [C,H,W], else the attributes channels, height,
// width, else `expected`.
ImageShape initial_shape(const Hdf5Reader& reader, const std::string& group, const ImageShape& expected) {
  const bool has_mean = reader.exists(group + "/mean");
  const Hdf5Shape mean = has_mean ? reader.shape(group + "/mean") : Hdf5Shape{};
  std::int64_t extents[3] = {expected.channels, expected.height, expected.width};
  if (mean.size() == 3) {
    std::copy(mean.begin(), mean.end(), extents);
  } else if (reader.has_attribute(group, "channels")) {
    extents[0] = reader.attribute_int(group, "channels");
    extents[1] = reader.attribute_int(group, "height");
    extents[2] = reader.attribute_int(group, "width");
  }
  for (std::int64_t extent : extents)
    if (extent < 1 || extent > 4096)
      fail_input("{}: {} is for images of {}x{}x{}, which is out of range", reader.file(), group, extents[0],
                 extents[1], extents[2]);
  const ImageShape shape{static_cast<int>(extents[0]), static_cast<int>(extents[1]),
                         static_cast<int>(extents[2])};
  std::int64_t mean_count = 1;
  for (std::int64_t extent : mean) mean_count *= extent;
  if (shape.elements() > kMaxDimension || (has_mean && mean_count != shape.elements()))
    fail_input("{}: {}/mean {} does not fit images of {}x{}x{}", reader.file(), group,
               engine::to_string(mean), shape.channels, shape.height, shape.width);
  const std::int64_t block = reader.optional_int(group, "block").value_or(1);
  if (block != 1)
    fail_input("{}: {} has block = {}; low-resolution starts are not available in this version",
               reader.file(), group, block);
  return shape;
}

void require_finite(const Hdf5Reader& reader, const std::string& path, const std::vector<double>& values) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i]))
      fail_input("{}: {} holds {} at element {}; it must be finite", reader.file(), path, values[i], i);
}

constexpr double kTriangleTolerance = 1e-6, kSymmetryTolerance = 1e-4;  // of the largest element

double largest_magnitude(const std::vector<double>& values) {
  double largest = 0;
  for (const double value : values) largest = std::max(largest, std::fabs(value));
  return largest;
}

void require_lower(const Hdf5Reader& reader, const std::string& path, std::int64_t d,
                   const std::vector<double>& factor) {
  const double allowed = kTriangleTolerance * largest_magnitude(factor);
  for (std::int64_t i = 0; i < d; ++i)
    for (std::int64_t j = i + 1; j < d; ++j)
      if (const double value = factor[static_cast<std::size_t>(i * d + j)]; std::fabs(value) > allowed)
        fail_input("{}: {} is not lower triangular: {} at [{}, {}]; store L of covariance = L L^T",
                   reader.file(), path, value, i, j);
}

void require_symmetric(const Hdf5Reader& reader, const std::string& path, std::int64_t d,
                       const std::vector<double>& covariance) {
  const double allowed = kSymmetryTolerance * largest_magnitude(covariance);
  for (std::int64_t i = 0; i < d; ++i)
    for (std::int64_t j = i + 1; j < d; ++j) {
      const double upper = covariance[static_cast<std::size_t>(i * d + j)],
                   lower = covariance[static_cast<std::size_t>(j * d + i)];
      if (std::fabs(upper - lower) > allowed)
        fail_input("{}: {} is not symmetric: {} at [{}, {}], {} at [{}, {}]", reader.file(), path, upper, i,
                   j, lower, j, i);
    }
}

// The factor as stored, or of the covariance as stored.
std::vector<double> initial_factor(const Hdf5Reader& reader, engine::Context& context,
                                   const std::string& group, std::int64_t d, double jitter) {
  const bool stored = reader.exists(group + "/factor");
  const std::string path = group + (stored ? "/factor" : "/covariance");
  std::vector<double> factor = reader.read<double>(path, {d, d});
  require_finite(reader, path, factor);
  if (stored) {
    require_lower(reader, path, d, factor);
    return factor;
  }
  require_symmetric(reader, path, d, factor);
  try {
    engine::ops::cholesky(context, d, jitter, factor);
  } catch (const engine::Error& error) {
    fail_input("{}: {}: {}", reader.file(), path, error.what());
  }
  return factor;
}

}  // namespace

std::unique_ptr<InitialDistribution> read_initial(const Hdf5Reader& reader, engine::Context& context,
                                                  DType dtype, const ImageShape& expected) {
  const std::string group = keys::kInitial;
  const std::string kind = reader.optional_string(group, "kind").value_or("gaussian");
  const ImageShape shape = initial_shape(reader, group, expected);
  if (kind == "uniform") return std::make_unique<UniformInitialDistribution>(context, shape);
  if (kind != "gaussian")
    fail_input("{}: {} has kind '{}'; known: gaussian, uniform", reader.file(), group, kind);
  GaussianMoments moments;
  moments.shape = shape;
  moments.count = reader.optional_int(group, "count").value_or(0);
  moments.jitter = reader.optional_double(group, "jitter").value_or(1e-4);
  moments.mean = reader.read_at_most<double>(group + "/mean", shape.elements());
  require_finite(reader, group + "/mean", moments.mean);
  moments.factor = initial_factor(reader, context, group, shape.elements(), moments.jitter);
  return std::make_unique<GaussianInitialDistribution>(context, std::move(moments), dtype);
}

}  // namespace mebm::ebm

#pragma once
// Where chains start (SPEC section 4): p0 = N(mean, covariance) of the data, or U(-1, 1).
//
// A draw is a function of (seed, purpose, iteration, slot): there is no pool whose state depends on history.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/image_set.h"
#include "engine/core/random.h"
#include "engine/core/scalar.h"
#include "engine/device/context.h"

namespace mebm::ebm {

struct ImageShape {
  int channels = 0, height = 0, width = 0;
  std::int64_t elements() const { return std::int64_t{channels} * height * width; }
  bool operator==(const ImageShape&) const = default;
};

struct DrawKey {
  engine::PhiloxKey key;
  engine::RandomPurpose purpose = engine::RandomPurpose::initial_draw;
  engine::Scalar<std::uint32_t> iteration{};
};

class InitialDistribution {
 public:
  virtual ~InitialDistribution() = default;
  virtual std::string kind() const = 0;  // "gaussian" | "uniform"
  virtual ImageShape image_shape() const = 0;
  // Row r of out [slots, C,H,W] is the draw of slots[r]; clamped to [-1, 1] when `clamp`.
  virtual void draw(const DrawKey& key, std::span<const std::uint32_t> slots, bool clamp,
                    engine::Tensor& out) const = 0;
};

// Mean and covariance of a set of images in [-1, 1], covariance divided by N.
struct GaussianMoments {
  ImageShape shape;
  std::int64_t count = 0;
  double jitter = 1e-4;
  std::vector<double> mean;    // [d]
  std::vector<double> factor;  // [d][d] lower: factor factor^T = covariance + jitter I
};

// Fits the images `indices` of a set; `covariance` (optional) receives the covariance without the jitter.
GaussianMoments fit_gaussian(engine::Context& context, const data::ImageSet& images,
                             std::span<const std::int64_t> indices, double jitter,
                             std::vector<double>* covariance = nullptr);

class GaussianInitialDistribution final : public InitialDistribution {
 public:
  // The moments stay in fp64 for checkpoints; draws are in `dtype`.
  GaussianInitialDistribution(engine::Context& context, GaussianMoments moments, engine::DType dtype);

  std::string kind() const override { return "gaussian"; }
  ImageShape image_shape() const override { return moments_.shape; }
  void draw(const DrawKey& key, std::span<const std::uint32_t> slots, bool clamp,
            engine::Tensor& out) const override;
  const GaussianMoments& moments() const { return moments_; }

 private:
  engine::Context& context_;
  GaussianMoments moments_;
  engine::Tensor mean_, factor_;
};

class UniformInitialDistribution final : public InitialDistribution {
 public:
  UniformInitialDistribution(engine::Context& context, ImageShape shape) : context_(context), shape_(shape) {}

  std::string kind() const override { return "uniform"; }
  ImageShape image_shape() const override { return shape_; }
  void draw(const DrawKey& key, std::span<const std::uint32_t> slots, bool clamp,
            engine::Tensor& out) const override;

 private:
  engine::Context& context_;
  ImageShape shape_;
};

}  // namespace mebm::ebm

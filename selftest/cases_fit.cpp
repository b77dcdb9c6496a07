// Fitting p0: moments of images by matrix products, the blocked Cholesky factorisation, and draws of what
// came out. In fp64 on both sides.

#include "engine/ops/gaussian.h"
#include "engine/ops/sampling.h"
#include "selftest/case.h"

namespace mebm::selftest {

using engine::DType;
using engine::Shape;
using engine::Tensor;
namespace ops = engine::ops;

namespace {

constexpr double kJitter = 0.01;
constexpr std::int64_t kDraws = 9;

// Images of a fit: bytes, or numbers.
struct Fitted {
  std::int64_t rows, dimension;
  Array numbers;  // [rows][dimension]
  std::vector<std::uint8_t> bytes;

  std::size_t elements() const { return static_cast<std::size_t>(rows * dimension); }
  // The moments, images and factor in fp64, and as much again.
  double memory() const {
    const auto d = static_cast<double>(dimension);
    return 16 * (2 * d * d + 2 * static_cast<double>(rows) * d);
  }
};

// Neighbours resemble each other, as pixels do.
Fitted random_images(Generator& random, std::int64_t rows, std::int64_t dimension) {
  Fitted in{rows, dimension, random.values({rows, dimension}), {}};
  for (std::size_t i = 1; i < in.elements(); ++i)
    in.numbers.values[i] = 0.5 * in.numbers.values[i - 1] + 0.5 * in.numbers.values[i];
  for (const double value : in.numbers.values)
    in.bytes.push_back(static_cast<std::uint8_t>((value + 0.75) / 2 * 255));
  return in;
}

struct Moments {
  std::vector<double> mean, covariance;
};

// In two pieces, as images are streamed.
Moments moments_of(engine::Context& context, const Fitted& in, bool bytes) {
  ops::MomentAccumulator accumulator(context, in.dimension);
  const auto first = static_cast<std::size_t>(in.rows / 3 * in.dimension);
  const std::span<const double> numbers = in.numbers.values;
  const std::span<const std::uint8_t> pixels = in.bytes;
  if (bytes) {
    accumulator.add_bytes(pixels.first(first));
    accumulator.add_bytes(pixels.subspan(first));
  } else {
    accumulator.add_values(numbers.first(first));
    accumulator.add_values(numbers.subspan(first));
  }
  Moments moments;
  accumulator.finish(moments.mean, moments.covariance);
  return moments;
}

void moments(Sweep& sweep, const Fitted& in, bool bytes) {
  // Sums of bytes are integers that fp64 holds: equal in any order.
  const Grade grade = bytes ? Grade::exact : Grade::wide;
  const auto build = [=](const Side& side, Work& work) {
    engine::Context& context = side.context();
    const std::int64_t d = in.dimension;
    Tensor& mean = work.output("mean", grade, context.empty({d}, DType::fp64));
    Tensor& covariance = work.output("covariance", grade, context.empty({d, d}, DType::fp64));
    work.run = [=, &context, &mean, &covariance] {
      const Moments found = moments_of(context, in, bytes);
      put(found.mean, mean);
      put(found.covariance, covariance);
    };
  };
  sweep.add({.op = bytes ? "Gaussian fit, bytes" : "Gaussian fit, values",
             .shape = text(in.numbers.shape),
             .build = build,
             .scratch_bytes = in.memory()});
}

void factor(Sweep& sweep, const Fitted& in) {
  const auto build = [=](const Side& side, Work& work) {
    engine::Context& context = side.context();
    const std::int64_t d = in.dimension;
    Tensor& out = work.output("factor", Grade::wide, context.empty({d, d}, DType::fp64));
    work.run = [=, &context, &out] {
      std::vector<double> matrix = moments_of(context, in, true).covariance;
      ops::cholesky(context, d, kJitter, matrix);
      put(matrix, out);
    };
  };
  sweep.add({.op = "Cholesky factor",
             .shape = fmt::format("{0}x{0}", in.dimension),
             .build = build,
             .scratch_bytes = in.memory()});
}

void draws(Sweep& sweep, const Fitted& in) {
  const auto build = [=](const Side& side, Work& work) {
    engine::Context& context = side.context();
    const Shape shape{kDraws, in.dimension};
    Moments fitted = moments_of(context, in, true);
    ops::cholesky(context, in.dimension, kJitter, fitted.covariance);
    Tensor& out = work.output("chains", Grade::real, context.empty(shape, side.real()));
    work.run = [=, &context, &out, mean = side.plain({{in.dimension}, fitted.mean}),
                factor = side.plain({{in.dimension, in.dimension}, fitted.covariance}),
                z = context.empty(shape, side.real())]() mutable {
      ops::fill_normal(context, engine::PhiloxKey(11), engine::RandomPurpose::initial_draw, 4, 0, 3, z);
      ops::gaussian_draw(context, mean, factor, z, 1, out);
    };
  };
  sweep.add({.op = "draws of a fitted p0",
             .shape = fmt::format("{}x{}", kDraws, in.dimension),
             .build = build,
             .twin_in_fp32 = true,
             .scratch_bytes = in.memory()});
}

}  // namespace

void fit_cases(Sweep& sweep) {
  Generator& random = sweep.random();
  // Of one block of the factorisation, and of several, the last one short.
  std::vector<std::int64_t> dimensions{random.integer(20, 40), random.integer(129, 150)};
  if (!sweep.quick()) dimensions.push_back(random.integer(260, 330));
  if (sweep.work_shapes()) dimensions.push_back(28 * 28);
  for (const std::int64_t d : dimensions) {
    const Fitted in = random_images(random, d + random.integer(50, 100), d);
    moments(sweep, in, true);
    moments(sweep, in, false);
    factor(sweep, in);
    draws(sweep, in);
  }
}

}  // namespace mebm::selftest

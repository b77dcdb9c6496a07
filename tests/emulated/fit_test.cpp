// p0's covariance, factor and draws through the engine's device side, against the CPU's.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/random.h"
#include "engine/ops/gaussian.h"

namespace mebm::test {
namespace {

using engine::Context;
namespace ops = engine::ops;

constexpr std::int64_t kDimension = 300;  // three blocks of the factorisation, the last one short

std::vector<std::uint8_t> random_bytes(std::int64_t rows) {
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(rows * kDimension));
  const engine::PhiloxKey key(3);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(
        engine::random_words(key, engine::RandomPurpose::data_noise, 0, 0, 0, static_cast<std::uint32_t>(i))
            .word[0] >>
        24);
  return bytes;
}

struct Fit {
  std::vector<double> mean, covariance, factor;
};

Fit fit(Context& context, const std::vector<std::uint8_t>& bytes, bool as_values) {
  Fit out;
  ops::MomentAccumulator moments(context, kDimension);
  if (as_values) {
    moments.add_values(std::vector<double>(bytes.begin(), bytes.end()));
  } else {
    const std::size_t half = bytes.size() / 2;  // two chunks
    moments.add_bytes(std::span(bytes).first(half));
    moments.add_bytes(std::span(bytes).subspan(half));
  }
  moments.finish(out.mean, out.covariance);
  out.factor = out.covariance;
  ops::cholesky(context, kDimension, 1e-2, out.factor);
  return out;
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a[i] - b[i]));
  return worst;
}

TEST(EmulatedFit, EqualsTheCpu) {
  Context device({.device = {engine::DeviceKind::cuda, 0}}), cpu;
  const std::vector<std::uint8_t> bytes = random_bytes(400);
  for (bool as_values : {false, true}) {
    const Fit a = fit(device, bytes, as_values), b = fit(cpu, bytes, as_values);
    const double scale = as_values ? 127.5 * 127.5 : 1;
    // Sums of bytes are exact integers on both sides.
    EXPECT_EQ(largest_difference(a.mean, b.mean), 0);
    EXPECT_LE(largest_difference(a.covariance, b.covariance), as_values ? 1e-12 * scale : 0);
    EXPECT_LE(largest_difference(a.factor, b.factor), 1e-10 * std::sqrt(scale));
  }
}

TEST(EmulatedFit, NamesTheRowThatIsNotPositive) {
  Context device({.device = {engine::DeviceKind::cuda, 0}});
  std::vector<double> matrix(static_cast<std::size_t>(kDimension * kDimension), 0);
  for (std::int64_t i = 0; i < kDimension; ++i)
    matrix[static_cast<std::size_t>(i * kDimension + i)] = i == 200 ? -1 : 1;
  EXPECT_THAT([&] { ops::cholesky(device, kDimension, 0, matrix); },
              testing::ThrowsMessage<engine::Error>(testing::HasSubstr("row 200 of 300")));
}

}  // namespace
}  // namespace mebm::test

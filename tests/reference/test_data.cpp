#include "tests/reference/test_data.h"

#include <algorithm>
#include <random>

namespace mebm::reference {

Values random_values(std::size_t count, std::uint32_t seed, double low, double high) {
  std::mt19937 generator(seed);
  Values out(count);
  for (double& value : out)
    value = static_cast<double>(static_cast<float>(low + (high - low) * (generator() / 4294967296.0)));
  return out;
}

Values absolute(const Values& values) {
  Values out(values);
  for (double& value : out) value = std::abs(value);
  return out;
}

::testing::AssertionResult within(const Values& actual, const Values& expected, const Values& bound) {
  if (actual.size() != expected.size() || bound.size() != expected.size())
    return ::testing::AssertionFailure()
           << actual.size() << " values, " << expected.size() << " expected, " << bound.size() << " bounds";
  double worst = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double error = std::abs(actual[i] - expected[i]);
    // The smallest normal fp32 number keeps 0 <= 0 comparable.
    const double ratio =
        std::isfinite(error) ? error / (bound[i] + 1e-38) : std::numeric_limits<double>::infinity();
    if (ratio > worst) {
      worst = ratio;
      at = i;
    }
  }
  if (worst <= 1) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << "element " << at << " of " << expected.size() << ": " << actual[at] << ", expected "
         << expected[at] << ", error " << std::abs(actual[at] - expected[at]) << " is " << worst
         << " times the bound " << bound[at];
}

::testing::AssertionResult within(const Values& actual, const Values& expected, double bound) {
  return within(actual, expected, Values(expected.size(), bound));
}

double relative_error(const Values& actual, const Values& expected) {
  double error = 0, largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double difference = std::abs(actual[i] - expected[i]);
    error = std::isfinite(difference) ? std::max(error, difference) : std::numeric_limits<double>::infinity();
    largest = std::max(largest, std::abs(expected[i]));
  }
  return actual.size() == expected.size() ? (largest > 0 ? error / largest : error)
                                          : std::numeric_limits<double>::infinity();
}

namespace {

std::size_t blocked_index(int n, int c, int p, int channels, int pixels, int block) {
  const int blocks = (channels + block - 1) / block;
  return static_cast<std::size_t>(((n * blocks + c / block) * pixels + p) * block + c % block);
}

}  // namespace

Values to_blocked(int images, int channels, int pixels, int block, const Values& plain, double padding) {
  const int padded = (channels + block - 1) / block * block;
  Values out(static_cast<std::size_t>(images * padded * pixels), padding);
  for (int n = 0; n < images; ++n)
    for (int c = 0; c < channels; ++c)
      for (int p = 0; p < pixels; ++p)
        out[blocked_index(n, c, p, channels, pixels, block)] =
            plain[static_cast<std::size_t>((n * channels + c) * pixels + p)];
  return out;
}

Values from_blocked(int images, int channels, int pixels, int block, const Values& blocked) {
  Values out(static_cast<std::size_t>(images * channels * pixels));
  for (int n = 0; n < images; ++n)
    for (int c = 0; c < channels; ++c)
      for (int p = 0; p < pixels; ++p)
        out[static_cast<std::size_t>((n * channels + c) * pixels + p)] =
            blocked[blocked_index(n, c, p, channels, pixels, block)];
  return out;
}

}  // namespace mebm::reference

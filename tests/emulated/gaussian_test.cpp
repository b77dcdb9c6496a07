#include "kernels/gaussian/gaussian.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/emulated/device_array.h"
#include "tests/reference/test_data.h"

namespace mebm::test {
namespace {

namespace gaussian = kernels::gaussian::device;

template <typename T>
void expect_shifted(std::int64_t rows, std::int64_t d, double bound) {
  const auto n = static_cast<std::size_t>(rows * d);
  const std::vector<T> mean = narrowed<T>(reference::random_values(static_cast<std::size_t>(d), 1));
  std::vector<T> draws = narrowed<T>(reference::random_values(n, 2, -2, 2));
  draws.back() = std::numeric_limits<T>::quiet_NaN();
  const DeviceArray<T> m(mean), out(n);
  run_in_both_orders(
      [&] {
        out.set(draws);
        return gaussian::shift_and_clamp<T>(emulated_exec(), rows, d, bound, m.get(), out.get());
      },
      [&] { return bytes_of(out.values()); });
  const std::vector<T> got = out.values();
  for (std::size_t i = 0; i + 1 < n; ++i) {
    T expected = mean[i % static_cast<std::size_t>(d)] + draws[i];
    if (bound > 0) expected = std::min(std::max(expected, static_cast<T>(-bound)), static_cast<T>(bound));
    ASSERT_EQ(got[i], expected) << i;
  }
  EXPECT_TRUE(std::isnan(got.back()));
}

TEST(EmulatedGaussian, ShiftsAndClamps) {
  for (std::int64_t d : {1, 31, 257})
    for (double bound : {0.0, 1.0}) {
      expect_shifted<float>(3, d, bound);
      expect_shifted<double>(5, d, bound);
    }
}

TEST(EmulatedGaussian, CentresBytes) {
  std::vector<std::uint8_t> bytes(257);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i);
  const DeviceArray<std::uint8_t> in(bytes);
  const DeviceArray<float> out(bytes.size());
  run_in_both_orders(
      [&] {
        out.poison();
        return gaussian::centre_bytes<float>(emulated_exec(), 257, in.get(), out.get());
      },
      [&] { return bytes_of(out.values()); });
  const std::vector<float> got = out.values();
  for (int i = 0; i < 257; ++i)
    EXPECT_EQ(got[static_cast<std::size_t>(i)], static_cast<float>(i % 256 - 128));
}

}  // namespace
}  // namespace mebm::test

// Batch-norm on the emulated device: running statistics.

#include <gtest/gtest.h>

#include "kernels/batch_norm/batch_norm.h"
#include "tests/emulated/device_array.h"
#include "tests/reference/test_data.h"

namespace mebm::test {
namespace {

namespace batch_norm = kernels::batch_norm;
using kernels::Arithmetic;
using kernels::bfloat16;
using reference::kRoundoff;
using reference::random_values;
using reference::Values;
using reference::within;

// Several slots and layers of different widths; the last block of a row of blocks has nothing to do.
template <typename Real>
void check_fold() {
  constexpr int kSlots = 3, kLayers = 2;
  constexpr double kMomentum = 0.1;
  const std::size_t channels[kLayers] = {5, 257};
  std::vector<DeviceArray<double>> mean, variance;
  std::vector<DeviceArray<Real>> running_mean, running_variance;
  std::vector<batch_norm::device::FoldLayer<Real>> layers;
  Values expected[2 * kLayers];
  kernels::runtime::Accesses arrays;
  for (std::size_t l = 0; l < kLayers; ++l) {
    const std::size_t n = channels[l];
    const Values means = random_values(kSlots * n, 1), variances = random_values(kSlots * n, 2, 0, 2);
    const Values before[2] = {random_values(n, 3), random_values(n, 4, 0, 2)};
    mean.emplace_back(means);
    variance.emplace_back(variances);
    running_mean.emplace_back(narrowed<Real>(before[0]));
    running_variance.emplace_back(narrowed<Real>(before[1]));
    layers.push_back({mean[l].get(), variance[l].get(), running_mean[l].get(), running_variance[l].get(),
                      static_cast<std::int64_t>(n)});
    arrays.read(mean[l].get(), kSlots * layers[l].channels)
        .read(variance[l].get(), kSlots * layers[l].channels);
    arrays.write(running_mean[l].get(), layers[l].channels);
    arrays.write(running_variance[l].get(), layers[l].channels);
    for (std::size_t k : {0u, 1u})
      for (std::size_t c = 0; c < n; ++c) {
        // The closed form of the recursion.
        const Values& slots = k == 0 ? means : variances;
        expected[2 * l + k].push_back(0.9 * 0.9 * 0.9 * before[k][c] + 0.1 * 0.81 * slots[c] +
                                      0.1 * 0.9 * slots[n + c] + 0.1 * slots[2 * n + c]);
      }
  }
  const DeviceArray<batch_norm::device::FoldLayer<Real>> table(layers);
  ASSERT_TRUE(batch_norm::device::fold_statistics<Real>(emulated_exec(), table.get(), kLayers, 257, kSlots,
                                                        kMomentum, arrays)
                  .ok());
  for (std::size_t l = 0; l < kLayers; ++l) {
    EXPECT_TRUE(within(widened(running_mean[l].values()), expected[2 * l], 4 * kRoundoff<Real>));
    EXPECT_TRUE(within(widened(running_variance[l].values()), expected[2 * l + 1], 8 * kRoundoff<Real>));
  }
}

TEST(EmulatedBatchNormFold, FoldsSlotsInOrder) {
  check_fold<float>();
  check_fold<double>();
}

// Running mode: given statistics.
template <typename T>
void check_given_statistics() {
  using Real = Arithmetic<T>;
  const std::size_t channels = 67;
  const Values mean = random_values(channels, 1, -3, 3), variance = random_values(channels, 2, 0.1, 2),
               gamma = random_values(channels, 3), beta = random_values(channels, 4);
  const DeviceArray<Real> m(narrowed<Real>(mean)), v(narrowed<Real>(variance)), g(narrowed<Real>(gamma)),
      b(narrowed<Real>(beta)),
      out[4] = {DeviceArray<Real>(channels), DeviceArray<Real>(channels), DeviceArray<Real>(channels),
                DeviceArray<Real>(channels)};
  batch_norm::device::Params params;
  params.map = {2, 9, static_cast<std::int64_t>(channels)};
  params.groups[0] = {0, 2};
  params.group_count = 1;
  ASSERT_TRUE(batch_norm::device::coefficients<T>(emulated_exec(), params, m.get(), v.get(), g.get(), b.get(),
                                                  {out[0].get(), out[1].get(), out[2].get(), out[3].get()})
                  .ok());
  for (std::size_t c = 0; c < channels; ++c) {
    const double inverse = 1 / std::sqrt(variance[c] + 1e-5), scale = gamma[c] * inverse, u = kRoundoff<Real>;
    EXPECT_EQ(static_cast<double>(out[0].values()[c]), mean[c]);
    EXPECT_NEAR(static_cast<double>(out[1].values()[c]), inverse, 3 * u * inverse);
    EXPECT_NEAR(static_cast<double>(out[2].values()[c]), scale, 4 * u * std::abs(scale));
    EXPECT_NEAR(static_cast<double>(out[3].values()[c]), beta[c] - mean[c] * scale,
                6 * u * (std::abs(beta[c]) + std::abs(mean[c] * scale)));
  }
}

TEST(EmulatedBatchNormCoefficients, OfGivenStatistics) {
  check_given_statistics<bfloat16>();
  check_given_statistics<float>();
  check_given_statistics<double>();
}

}  // namespace
}  // namespace mebm::test

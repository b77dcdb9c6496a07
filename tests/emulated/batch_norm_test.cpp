// Grouped batch-norm + LeakyReLU on the emulated device against the CPU twin in fp64 and the float64 oracle.

#include <gtest/gtest.h>

#include "tests/emulated/batch_norm_harness.h"

namespace mebm::test {
namespace {

using kernels::bfloat16;

template <typename T>
class EmulatedBatchNorm : public testing::Test {};
using Types = testing::Types<bfloat16, float, double>;
TYPED_TEST_SUITE(EmulatedBatchNorm, Types);

// Odd channel counts, one element at a time.
TYPED_TEST(EmulatedBatchNorm, OddChannels) {
  for (int channels : {1, 3, 31, 33}) BatchNormHarness<TypeParam>({channels, 3, {1, 2, 1}, 7}).check_all();
}
TYPED_TEST(EmulatedBatchNorm, ManyOddChannels) {
  BatchNormHarness<TypeParam>({257, 5, {2}, 1}).check_all();
}
// The channel counts of widths 1 to 10.
TYPED_TEST(EmulatedBatchNorm, NarrowNetworks) {
  for (int channels : {16, 32, 48, 64, 80}) BatchNormHarness<TypeParam>({channels, 9, {1, 2}, 3}).check_all();
}
TYPED_TEST(EmulatedBatchNorm, WideNetworks) {
  for (int channels : {96, 128, 160, 192, 320, 640})
    BatchNormHarness<TypeParam>({channels, 7, {1}, 1}).check_all();
}
// Several blocks in a group, several batches of rows in a thread, groups of unequal size.
TYPED_TEST(EmulatedBatchNorm, ManyRows) {
  BatchNormHarness<TypeParam>({16, 1025, {1, 3}, 7}).check_all();
  BatchNormHarness<TypeParam>({48, 289, {2, 1, 2, 1}, 1}).check_all();
}
TYPED_TEST(EmulatedBatchNorm, ManyRowsOddChannels) {
  BatchNormHarness<TypeParam>({3, 1089, {1, 1, 3}, 3}).check_all();
}
// A mean 1000 deviations from zero costs the statistics no digits: the bounds are those of x - pivot.
TEST(EmulatedBatchNormStatistics, SurviveAMeanFarFromZero) {
  for (double offset : {1e3, -1e3}) {
    BatchNormHarness<float>({16, 1025, {1, 2}, 3, offset}).check_all();
    BatchNormHarness<double>({31, 101, {3}, 3, offset}).check_all();
  }
}

// A group in the middle of a batch: the kernels touch its rows only.
TEST(EmulatedBatchNormGroups, LeaveOtherRowsAlone) {
  constexpr std::int64_t kRow = 5 * 12;  // elements of an image
  kernels::DeviceExec exec = emulated_exec();
  const DeviceArray<std::uint32_t> counters(std::vector<std::uint32_t>(kernels::DeviceExec::kCounters, 0));
  exec.counters = counters.get();
  namespace device = kernels::batch_norm::device;
  device::Params params;
  params.map = {4, 5, 12};
  params.groups[0] = {1, 2};
  params.group_count = 1;
  const std::vector<float> values = narrowed<float>(reference::random_values(4 * kRow, 1));
  const DeviceArray<float> x(values), z(4 * kRow), ones(std::vector<float>(12, 1)),
      zeros(std::vector<float>(12, 0)),
      c[4] = {DeviceArray<float>(12), DeviceArray<float>(12), DeviceArray<float>(12), DeviceArray<float>(12)};
  const DeviceArray<std::byte> scratch(device::scratch_bytes(exec, params));
  const device::Coefficients<float> coefficients{c[0].get(), c[1].get(), c[2].get(), c[3].get()};
  ASSERT_TRUE(device::statistics<float>(exec, params, x.get(), ones.get(), zeros.get(), coefficients, {},
                                        scratch.get())
                  .ok());
  ASSERT_TRUE(device::apply<float>(exec, params, coefficients, x.get(), z.get()).ok());
  double sum = 0;
  for (std::int64_t i = kRow; i < 3 * kRow; i += 12)
    sum += static_cast<double>(values[static_cast<std::size_t>(i)]);
  EXPECT_NEAR(static_cast<double>(c[0].values()[0]), sum / 10, 1e-6);
  const std::vector<float> out = z.values();
  for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(std::isnan(out[i]), i < kRow || i >= 3 * kRow) << i;
}

TEST(EmulatedBatchNormGroups, MoreChannelsThanCounters) {
  kernels::batch_norm::device::Params params;
  params.map = {1, 1, 50001};
  params.groups[0] = {0, 1};
  params.group_count = 1;
  const kernels::Status status = kernels::batch_norm::device::statistics<float>(
      emulated_exec(), params, nullptr, nullptr, nullptr, {}, {}, nullptr);
  EXPECT_EQ(status.error(),
            "batch_norm_statistics (1 x 1 x 50001, rows 1): needs 5001 counters, a stream has 4096");
}

}  // namespace
}  // namespace mebm::test

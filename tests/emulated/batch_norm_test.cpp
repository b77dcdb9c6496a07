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
  BatchNormHarness<TypeParam>({48, 289, {3, 1, 2}, 1}).check_all();
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

}  // namespace
}  // namespace mebm::test

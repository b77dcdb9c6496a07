// The emulator notices what a GPU would do undefined things with.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "kernels/compat/launch.h"
#include "kernels/emulator/emulated_runtime.h"
#include "tests/emulated/device_array.h"
#include "tests/emulated/planted_kernels.h"

namespace mebm::test {
namespace {

using planted::Fault;
using testing::HasSubstr;

constexpr int kBlocks = 3;

struct Outcome {
  std::string error;
  std::vector<float> sums;
};

Outcome run(Fault fault, bool reversed = false) {
  std::vector<float> values(kBlocks * 256);
  std::iota(values.begin(), values.end(), 1.0F);
  const DeviceArray<float> x(values), out(kBlocks);
  kernels::emulator::options().reversed = reversed;
  const kernels::Status status = planted::block_sums(emulated_exec(), fault, kBlocks, x.get(), out.get());
  kernels::emulator::options().reversed = false;
  return {status.error(), out.values()};
}

TEST(Emulator, RunsBarriersAndShuffles) {
  for (bool reversed : {false, true}) {
    const Outcome result = run(Fault::none, reversed);
    EXPECT_EQ(result.error, "");
    EXPECT_THAT(result.sums, testing::ElementsAre(32896, 98432, 163968));  // sums of 256 consecutive numbers
  }
}

TEST(Emulator, PlantedBugMissingBarrierChangesTheResult) {
  const Outcome forward = run(Fault::missing_barrier), backward = run(Fault::missing_barrier, true);
  EXPECT_FALSE(forward.sums[0] == 32896 && backward.sums[0] == 32896);
}

TEST(Emulator, PlantedBugEarlyReturnIsDivergence) {
  EXPECT_THAT(run(Fault::early_return).error, HasSubstr("divergence at a shuffle"));
  EXPECT_THAT(run(Fault::early_return).error, HasSubstr("block_sums (3)"));
}

TEST(Emulator, PlantedBugShuffleInABranchIsDivergence) {
  EXPECT_THAT(run(Fault::shuffle_in_branch).error, HasSubstr("has returned"));
}

TEST(Emulator, RefusesLaunchesNoDeviceTakes) {
  kernels::LaunchShape shape{.name = "k", .sizes = "7"};
  EXPECT_EQ(kernels::launch_problem(shape), "");
  shape.block = 48;
  EXPECT_THAT(kernels::launch_problem(shape), HasSubstr("k (7): no device takes"));
  shape.block = 2048;
  EXPECT_NE(kernels::launch_problem(shape), "");
  shape.block = 64;
  shape.grid_x = 0;
  EXPECT_NE(kernels::launch_problem(shape), "");
}

#ifdef __SANITIZE_ADDRESS__
TEST(EmulatorDeathTest, PlantedBugWritePastTheEndIsReported) {
  EXPECT_DEATH(run(Fault::past_the_end), "AddressSanitizer");
}
TEST(EmulatorDeathTest, PlantedBugUndeclaredWriteIsReported) {
  EXPECT_DEATH(run(Fault::undeclared_write), "AddressSanitizer");
}
#endif

TEST(EmulatorDeathTest, HostCannotTouchDeviceMemory) {
  const DeviceArray<float> x(8);
  EXPECT_DEATH(*static_cast<volatile float*>(x.get()) = 1, "");
}

}  // namespace
}  // namespace mebm::test

#include "engine/device/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <omp.h>
#include <sched.h>

#include <cstdlib>
#include <vector>

#include "engine/core/error.h"
#include "engine/device/accelerator.h"
#include "engine/device/context.h"
#include "kernels/conv2d/conv2d.h"

namespace mebm::engine {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(Device, Parsing) {
  EXPECT_EQ(parse_device("cpu").kind, DeviceKind::cpu);
  EXPECT_EQ(parse_device("auto").kind, device_available() ? DeviceKind::cuda : DeviceKind::cpu);
  EXPECT_EQ(parse_device("cuda").kind, DeviceKind::cuda);
  EXPECT_EQ(parse_device("cuda:12").index, 12);
  for (const char* text :
       {"", "gpu", "CPU", "cpu:0", "cudax", "cuda:", "cuda:-1", "cuda:1x", "cuda:99999999999"})
    EXPECT_THAT([&] { parse_device(text); },
                ThrowsMessage<InputError>(HasSubstr("unknown device; known: auto, cpu, cuda, cuda:<index>")))
        << text;
}

TEST(Device, RefusedWhereTheBuildHasNone) {
  if (device_available()) GTEST_SKIP() << "this build and machine have a GPU";
  EXPECT_THAT([] { Context({.device = parse_device("cuda")}); },
              ThrowsMessage<InputError>(HasSubstr("--device cuda")));
}

TEST(Device, MachineFacts) {
  EXPECT_GE(physical_cores(), 1);
  EXPECT_LE(physical_cores(), 1024);
  EXPECT_NE(cpu_name(), "");
}

// Whether threads are bound to different cores (bound), or left where they were. Binds for good: for a
// process of its own.
bool are_bound(int threads, bool bound) {
  cpu_set_t before;
  sched_getaffinity(0, sizeof before, &before);
  std::vector<cpu_set_t> masks(static_cast<std::size_t>(threads));
  bool good = bind_threads(threads) == bound;
#pragma omp parallel num_threads(threads)
  sched_getaffinity(0, sizeof(cpu_set_t), &masks[static_cast<std::size_t>(omp_get_thread_num())]);
  for (std::size_t i = 0; i < masks.size(); ++i) {
    const bool one = bound && i > 0;  // the caller stays free
    good = good && (one ? CPU_COUNT(&masks[i]) == 1 : CPU_EQUAL(&masks[i], &before));
    for (std::size_t j = 1; one && j < i; ++j) good = good && !CPU_EQUAL(&masks[i], &masks[j]);
  }
  return good;
}

TEST(DeviceDeathTest, ThreadsAreBoundToACoreEachWhereTheyTakeAll) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  cpu_set_t mask;
  sched_getaffinity(0, sizeof mask, &mask);
  const int cores = physical_cores();
  EXPECT_EXIT(std::exit(are_bound(cores + 1, false) ? 0 : 1), testing::ExitedWithCode(0), "");
  if (cores > 1) {
    EXPECT_EXIT(std::exit(are_bound(cores - 1, false) ? 0 : 1), testing::ExitedWithCode(0), "");
  }
  // A quota below the mask leaves threads unbound, as fewer threads do; physical_cores() is the same after.
  EXPECT_EXIT(
      {
        const int before = physical_cores();
        bind_threads(before);
        std::exit(physical_cores() == before ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
  if (cores == CPU_COUNT(&mask)) {
    EXPECT_EXIT(std::exit(are_bound(cores, true) ? 0 : 1), testing::ExitedWithCode(0), "");
  }
}

TEST(Context, ThreadsAreChecked) {
  EXPECT_THAT([] { Context({.device = {}, .threads = 0}); },
              ThrowsMessage<Error>(HasSubstr("at least one thread, got 0")));
  const Context context({.device = {}, .threads = 3});
  EXPECT_EQ(context.exec().threads, 3);
}

TEST(Context, FeatureLayouts) {
  const Context context;
  EXPECT_EQ(context.feature_layout(160, DType::fp64), Layout::plain);
  EXPECT_EQ(context.feature_layout(3, DType::fp32), Layout::plain);
  EXPECT_EQ(channel_block(context.feature_layout(160, DType::fp32)),
            kernels::conv2d::preferred_channel_block());
}

TEST(Context, MemoryLimitReachesTheArena) {
  Context context({.device = {}, .memory_limit = 1 << 20});
  EXPECT_THROW(context.empty({1 << 20}, DType::fp64), Error);
  EXPECT_NO_THROW(context.empty({1 << 10}, DType::fp64));
}

}  // namespace
}  // namespace mebm::engine

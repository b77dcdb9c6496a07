// counters: every counter of a stream is zero afterwards, and nothing behind them is touched.

#include "kernels/counters/counters.h"

#include <gtest/gtest.h>

#include "tests/emulated/device_array.h"

namespace mebm::test {
namespace {

using kernels::DeviceExec;

TEST(Counters, AreClearedAndNothingElseIs) {
  DeviceArray<std::uint32_t> memory(DeviceExec::kCounters + 1);
  DeviceExec exec = emulated_exec();
  exec.counters = memory.get();
  std::vector<std::uint32_t> expected(DeviceExec::kCounters + 1, 0);
  expected.back() = 0xFFFFFFFF;
  run_in_both_orders(
      [&] {
        memory.poison();
        return kernels::counters::device::clear(exec);
      },
      [&] { return bytes_of(memory.values()); });
  EXPECT_EQ(memory.values(), expected);
}

}  // namespace
}  // namespace mebm::test

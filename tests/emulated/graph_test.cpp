// Captured graphs: edges, the proof of order, replay in both extreme orders.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/emulator/emulated_runtime.h"
#include "tests/emulated/device_array.h"

namespace mebm::test {
namespace {

namespace runtime = kernels::runtime;
using kernels::Status;
using testing::HasSubstr;

class Capture : public testing::Test {
 protected:
  Capture() : a_(4), b_(4) {
    for (runtime::Stream** stream : {&main_, &side_}) ok(runtime::create_stream(*stream));
    for (runtime::Event** event : {&fork_, &join_}) ok(runtime::create_event(*event));
  }
  ~Capture() override {
    if (graph_ != nullptr) runtime::destroy(graph_);
    for (runtime::Event* event : {fork_, join_}) runtime::destroy(event);
    for (runtime::Stream* stream : {main_, side_}) runtime::destroy(stream);
  }
  static void ok(const Status& status) { ASSERT_TRUE(status.ok()) << status.error(); }
  void set(runtime::Stream* stream, const DeviceArray<std::uint8_t>& memory, int byte) {
    ok(runtime::fill_bytes(stream, memory.get(), byte, memory.size()));
  }
  void copy(runtime::Stream* stream, const DeviceArray<std::uint8_t>& to,
            const DeviceArray<std::uint8_t>& from) {
    ok(runtime::copy(stream, runtime::Copy::on_device, to.get(), from.get(), from.size()));
  }
  void fork() {
    ok(runtime::record(fork_, main_));
    ok(runtime::wait(side_, fork_));
  }
  void join() {
    ok(runtime::record(join_, side_));
    ok(runtime::wait(main_, join_));
  }

  DeviceArray<std::uint8_t> a_, b_;
  runtime::Stream *main_ = nullptr, *side_ = nullptr;
  runtime::Event *fork_ = nullptr, *join_ = nullptr;
  runtime::Graph* graph_ = nullptr;
};

TEST_F(Capture, RecordsNowAndRunsWhenLaunched) {
  set(main_, a_, 1);
  ok(runtime::begin_capture(main_));
  set(main_, a_, 2);
  fork();
  copy(side_, b_, a_);
  join();
  ok(runtime::end_capture(main_, graph_));
  EXPECT_EQ(a_.values()[0], 1);
  EXPECT_EQ(runtime::node_count(graph_), 2u);
  for (bool reversed : {false, true}) {
    set(main_, b_, 0);
    kernels::emulator::options().reversed = reversed;
    ok(runtime::launch(graph_, main_));
    kernels::emulator::options().reversed = false;
    EXPECT_EQ(b_.values()[3], 2);
  }
}

TEST_F(Capture, UnorderedConflictIsFound) {
  ok(runtime::begin_capture(main_));
  set(main_, b_, 0);
  fork();
  set(side_, a_, 2);
  copy(main_, b_, a_);
  join();
  const Status status = runtime::end_capture(main_, graph_);
  EXPECT_THAT(status.error(), HasSubstr("nodes 1 (fill_bytes) and 2 (copy)"));
}

TEST_F(Capture, BranchThatNeverJoinsIsFound) {
  ok(runtime::begin_capture(main_));
  set(main_, b_, 0);
  fork();
  set(side_, a_, 2);
  set(main_, b_, 1);
  EXPECT_THAT(runtime::end_capture(main_, graph_).error(), HasSubstr("never joined"));
}

TEST_F(Capture, ForbidsAllocationAndSynchronisation) {
  ok(runtime::begin_capture(main_));
  void* memory = nullptr;
  EXPECT_THAT(runtime::allocate(16, memory).error(), HasSubstr("in a capture"));
  EXPECT_THAT(runtime::synchronize(main_).error(), HasSubstr("in a capture"));
  ok(runtime::end_capture(main_, graph_));
}

}  // namespace
}  // namespace mebm::test

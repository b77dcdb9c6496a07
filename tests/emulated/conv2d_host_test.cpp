// The emulator's convolutions against the naive loops, and what they refuse.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/conv2d/conv2d_device.h"
#include "kernels/emulator/emulated_runtime.h"
#include "tests/emulated/convolution_cases.h"

namespace mebm::test {
namespace {

namespace device = kernels::conv2d::device;
using device::Element;
using kernels::bfloat16;
using kernels::conv2d::Direction;
using kernels::conv2d::Params;
using reference::Convolution;

template <typename T>
void check_all(const Convolution& c) {
  const Element element = sizeof(T) == 2 ? Element::bf16 : sizeof(T) == 4 ? Element::fp32 : Element::fp64;
  const device::LibraryResult made = device::make_library("");
  ASSERT_TRUE(made.library != nullptr) << made.status.error();
  LibraryConvolution<T>(emulated_exec(), *made.library, element, 0, c).check_all();
}

TEST(EmulatedConvolution, EqualsTheNaiveLoops) {
  for (const Convolution& c : {Convolution{2, 3, 7, 5, 16, 3, 1, 1}, Convolution{3, 16, 8, 8, 32, 3, 2, 1},
                               Convolution{2, 31, 5, 7, 33, 3, 2, 1}, Convolution{2, 16, 7, 7, 5, 1, 2, 0},
                               Convolution{1, 1, 1, 1, 1, 3, 1, 1}, Convolution{2, 33, 4, 6, 31, 1, 1, 0}}) {
    check_all<double>(c);
    check_all<float>(c);
    check_all<bfloat16>(c);
  }
}

std::string refusal(const Params& params, Direction direction, const device::Buffers& buffers) {
  const device::LibraryResult library = device::make_library("");
  const device::PlanResult made = library.library->make_plan(params, direction, Element::fp32);
  if (made.plan == nullptr) return made.status.error();
  return made.plan->execute(emulated_exec(), buffers).error();
}

TEST(EmulatedConvolution, RefusesNamingTheConvolution) {
  using ::testing::AllOf;
  using ::testing::HasSubstr;
  const Params params = params_of({2, 3, 8, 8, 16, 3, 2, 1}, true);
  Params wrong = params;
  wrong.out_width = 5;
  EXPECT_EQ(
      refusal(wrong, Direction::forward, {}),
      "forward convolution 2x3x8x8 -> 2x16x4x5, kernel 3, stride 2, padding 1, plus residual, fp32: the "
      "output must be 4x4");
  const DeviceBytes memory(4096);
  device::Buffers buffers;
  buffers.x = buffers.weights = memory.memory();
  buffers.y = buffers.workspace = memory.memory();
  EXPECT_THAT(refusal(params, Direction::forward, buffers),
              AllOf(HasSubstr("2x3x8x8 -> 2x16x4x4"), HasSubstr("residual is null")));
  buffers.residual = buffers.y;
  EXPECT_THAT(refusal(params, Direction::forward, buffers), HasSubstr("residual and y are the same memory"));
  buffers.residual = static_cast<std::byte*>(memory.memory()) + 4;
  EXPECT_THAT(refusal(params, Direction::forward, buffers), HasSubstr("residual is not aligned to 16 bytes"));
  buffers.residual = nullptr;
  EXPECT_THAT(refusal(params, Direction::backward_weights, buffers), HasSubstr("dy is null"));
}

// The workspace counts as written: two convolutions that share one on parallel branches are refused.
TEST(EmulatedConvolution, SharedWorkspaceOfParallelBranchesIsAConflict) {
  namespace runtime = kernels::runtime;
  const Params params = params_of({1, 1, 4, 4, 1, 3, 1, 1}, false);
  const device::LibraryResult library = device::make_library("");
  const device::PlanResult made = library.library->make_plan(params, Direction::forward, Element::fp32);
  const DeviceBytes x(64), w(64), y(64), other(64), workspace(made.plan->workspace_bytes());
  runtime::Stream *first = nullptr, *second = nullptr;
  runtime::Event* event = nullptr;
  runtime::Graph* graph = nullptr;
  ASSERT_TRUE(runtime::create_stream(first).ok() && runtime::create_stream(second).ok() &&
              runtime::create_event(event).ok());
  const auto execute = [&](runtime::Stream* stream, void* out) {
    device::Buffers buffers;
    buffers.x = x.memory();
    buffers.weights = w.memory();
    buffers.y = out;
    buffers.workspace = workspace.memory();
    return made.plan->execute({stream, 3}, buffers);
  };
  ASSERT_TRUE(runtime::begin_capture(first).ok() && runtime::record(event, first).ok() &&
              runtime::wait(second, event).ok());
  EXPECT_TRUE(execute(first, y.memory()).ok() && execute(second, other.memory()).ok());
  EXPECT_TRUE(runtime::record(event, second).ok() && runtime::wait(first, event).ok());
  EXPECT_THAT(runtime::end_capture(first, graph).error(), ::testing::HasSubstr("nothing orders them"));
  runtime::destroy(graph);
  runtime::destroy(event);
  runtime::destroy(second);
  runtime::destroy(first);
}

}  // namespace
}  // namespace mebm::test

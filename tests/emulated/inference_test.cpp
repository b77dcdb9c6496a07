// There are no inference kernels for a device: whoever asks for them is told so.

#include "engine/ops/inference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/inception_v3.h"

namespace mebm::test {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(InferenceOnADevice, IsRefused) {
  engine::ContextOptions options;
  options.device = {engine::DeviceKind::cuda, 0};
  engine::Context context(options);
  const auto refusal = ThrowsMessage<engine::Error>(
      HasSubstr("inference: not implemented on a device (cuda:0); make the context for the CPU"));
  EXPECT_THAT([&] { engine::ops::InferenceProgram(context, {3, 8, 8}); }, refusal);
  EXPECT_THAT(
      [&] { models::InceptionV3(context, [](const models::NamedShape&) { return std::vector<float>(); }); },
      refusal);
}

}  // namespace
}  // namespace mebm::test

#include "selftest/ceilings.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "engine/device/accelerator.h"
#include "engine/ops/batches.h"
#include "engine/ops/convolution.h"
#include "engine/ops/elementwise.h"

namespace mebm::selftest {

using engine::Context;
using engine::DType;
using engine::Tensor;
namespace ops = engine::ops;

namespace {

double seconds_of_stretch(Context& context, const std::function<void()>& work, int calls) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < calls; ++i) work();
  context.accelerator().synchronize();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

double seconds_of(Context& context, const std::function<void()>& work) {
  constexpr double kStretch = 4e-3;  // long enough for the host's clock and the launches' start
  constexpr int kStretches = 5;
  (void)seconds_of_stretch(context, work, 1);
  const double once = seconds_of_stretch(context, work, 1);
  const int calls = std::clamp(static_cast<int>(kStretch / once), 1, 200);
  std::vector<double> times;
  for (int i = 0; i < kStretches; ++i) times.push_back(seconds_of_stretch(context, work, calls) / calls);
  std::nth_element(times.begin(), times.begin() + kStretches / 2, times.end());
  return times[kStretches / 2];
}

double copy_ceiling(Context& context) {
  constexpr std::int64_t kBytes = std::int64_t{256} << 20;
  const auto arena = context.make_arena();
  const Context::UseArena use(context, *arena);
  Tensor from = context.empty({kBytes / 4}, DType::fp32), to = context.empty({kBytes / 4}, DType::fp32);
  ops::fill(context, 1, from);
  const auto copy = [&] { ops::copy(context, from, to, engine::WriteMode::overwrite); };
  return 2.0 * static_cast<double>(kBytes) / seconds_of(context, copy) * 1e-9;
}

// Constant inputs would let a GPU clock higher than real ones do.
double gemm_ceiling(Context& context) {
  constexpr std::int64_t kImages = 128, kSide = 8, kChannels = 4096;
  const auto arena = context.make_arena();
  const Context::UseArena use(context, *arena);
  const auto fill = [&](Tensor& tensor) {
    ops::fill_uniform(context, engine::PhiloxKey(1), engine::RandomPurpose::sample_fill, 0, 0, tensor);
  };
  Tensor values = context.empty({kImages, kChannels, kSide, kSide}, DType::fp32);
  Tensor x = context.empty(values.shape(), context.feature_type(DType::fp32), engine::Layout::channels_last);
  Tensor weights(context.lasting_arena(), {kChannels, kChannels, 1, 1}, DType::fp32, context.weight_layout());
  fill(values);
  fill(weights);
  ops::copy(context, values, x, engine::WriteMode::overwrite);
  const auto multiply = [&] {
    (void)ops::convolution(context, x, weights, Tensor(), {.stride = 1, .padding = 0}, Tensor());
  };
  constexpr double kFlops = 2.0 * kImages * kSide * kSide * kChannels * kChannels;
  return kFlops / seconds_of(context, multiply) * 1e-12;
}

}  // namespace mebm::selftest

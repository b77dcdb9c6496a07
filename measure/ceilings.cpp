#include "measure/ceilings.h"

#include "engine/ops/batches.h"
#include "engine/ops/convolution.h"
#include "engine/ops/elementwise.h"
#include "measure/timing.h"

namespace mebm::measure {

using engine::Context;
using engine::DType;
using engine::Tensor;
namespace ops = engine::ops;

double copy_ceiling(Context& context) {
  constexpr std::int64_t kBytes = std::int64_t{256} << 20;
  const auto arena = context.make_arena();
  const Context::UseArena use(context, *arena);
  Tensor from = context.empty({kBytes / 4}, DType::fp32), to = context.empty({kBytes / 4}, DType::fp32);
  for (Tensor* tensor : {&from, &to}) ops::fill(context, 1, *tensor);
  const auto copy = [&] { ops::copy(context, from, to, engine::WriteMode::overwrite); };
  return 2.0 * static_cast<double>(kBytes) / seconds_of(context, copy) * 1e-9;
}

// Constant inputs would let a processor clock higher than real ones do.
double gemm_ceiling(Context& context) {
  constexpr std::int64_t kImages = 128, kSide = 8;
  const std::int64_t channels = context.on_device() ? 4096 : 512;  // a fraction of a second on either
  const auto arena = context.make_arena();
  const Context::UseArena use(context, *arena);
  const auto fill = [&](Tensor& tensor) {
    ops::fill_normal(context, engine::PhiloxKey(1), engine::RandomPurpose::sample_fill, 0, 0, 0, tensor);
  };
  const DType feature = context.feature_type(DType::fp32);
  Tensor values = context.empty({kImages, channels, kSide, kSide}, DType::fp32);
  Tensor x = context.empty(values.shape(), feature, context.feature_layout(channels, feature));
  Tensor plain = context.empty({channels, channels, 1, 1}, DType::fp32);
  Tensor weights(context.lasting_arena(), plain.shape(), DType::fp32, context.weight_layout());
  fill(values);
  fill(plain);
  ops::copy(context, plain, weights, engine::WriteMode::overwrite);
  ops::copy(context, values, x, engine::WriteMode::overwrite);
  const auto multiply = [&] {
    (void)ops::convolution(context, x, weights, Tensor(), {.stride = 1, .padding = 0}, Tensor());
  };
  const double flops = 2.0 * kImages * kSide * kSide * static_cast<double>(channels * channels);
  return flops / seconds_of(context, multiply) * 1e-12;
}

std::optional<Rate> rate_of(double flops, double bytes, double seconds, const std::optional<double>& gemm,
                            const std::optional<double>& copy) {
  const bool arithmetic = flops > 0;
  if (!arithmetic && bytes == 0) return std::nullopt;
  const std::optional<double>& ceiling = arithmetic ? gemm : copy;
  Rate rate{.value = arithmetic ? flops / seconds * 1e-12 : bytes / seconds * 1e-9,
            .unit = arithmetic ? "TFLOP/s" : "GB/s",
            .share = {}};
  if (ceiling) rate.share = rate.value / *ceiling;
  return rate;
}

}  // namespace mebm::measure

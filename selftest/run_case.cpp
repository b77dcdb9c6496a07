#include "selftest/run_case.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/ops/elementwise.h"
#include "measure/timing.h"

namespace mebm::selftest {

using engine::Context;
using engine::DType;
using engine::Tensor;

namespace {

// Fills the first `bytes` of an arena with 0xFF, NaN in every floating type, and gives them back: what an op
// leaves unwritten cannot be right by luck.
void poison(Context& context, double bytes) {
  constexpr std::size_t kPiece = std::size_t{4} << 20;
  Tensor block = context.empty({static_cast<std::int64_t>(bytes)}, DType::uint8);
  const std::vector<std::uint8_t> ones(std::min(kPiece, block.bytes()), 0xFF);
  for (std::size_t at = 0; at < block.bytes(); at += kPiece)
    block.memory().write(static_cast<std::byte*>(block.data()) + at, ones.data(),
                         std::min(kPiece, block.bytes() - at));
}

struct Computed {
  std::vector<Values> outputs;
  std::vector<std::string> names;
  std::vector<Grade> grades;
  double seconds = 0;
};

Computed compute(Context& context, DType real, const Case& one, bool timed) {
  // On a device an arena of its own, which goes last: everything but parameters lies in it.
  const auto arena = context.on_device() ? context.make_arena() : nullptr;
  const Context::UseArena use(context, arena ? *arena : context.lasting_arena());
  poison(context, 3 * one.bytes + one.scratch_bytes + 65536);
  Work work;
  one.build(Side(context, real), work);
  try {
    work.run();
  } catch (...) {
    engine::ops::join(context);  // lets go of what the device's side stream holds in this arena
    throw;
  }
  Computed computed;
  for (const Output& output : work.outputs()) {
    computed.names.push_back(output.name);
    computed.grades.push_back(output.grade);
    computed.outputs.push_back(get(output.tensor));
  }
  if (timed) computed.seconds = measure::seconds_of(context, work.run);
  return computed;
}

// Largest difference relative to the largest expected value; infinite where a value is missing.
double error_of(const Values& actual, const Values& expected) {
  double difference = 0, scale = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double here = std::abs(actual[i] - expected[i]);
    if (!(here <= difference)) difference = std::isfinite(here) ? here : HUGE_VAL;
    scale = std::max(scale, std::abs(expected[i]));
  }
  return difference == 0 ? 0 : scale == 0 ? HUGE_VAL : difference / scale;
}

bool same_bits(const Values& a, const Values& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

// The output with the largest error for its tolerance; a failure names its output and the values.
void compare(const Computed& actual, const Computed& expected, Precision precision, Result& result) {
  double worst = -1;
  for (std::size_t i = 0; i < expected.outputs.size(); ++i) {
    const double error = error_of(actual.outputs[i], expected.outputs[i]),
                 allowed = tolerance(expected.grades[i], precision);
    const double rank = error == 0 ? 0 : allowed == 0 ? HUGE_VAL : error / allowed;
    if (rank <= worst) continue;
    worst = rank;
    result.output = expected.names[i];
    result.error = error;
    result.tolerance = allowed;
  }
  if (!(worst <= 1))
    result.failure =
        fmt::format("{}: error {:.2e} is beyond {:.0e}", result.output, result.error, result.tolerance);
}

void rate(const Case& one, const measure::Ceilings& ceilings, Precision precision, double seconds,
          Result& result) {
  result.milliseconds = 1e3 * seconds;
  const std::optional<measure::Rate> rate =
      measure::rate_of(one.flops, one.bytes, seconds, gemm_ceiling(ceilings, precision), ceilings.copy);
  if (!rate) return;
  result.rate = rate->value;
  result.rate_unit = rate->unit;
  result.share = rate->share;
}

}  // namespace

const std::optional<double>& gemm_ceiling(const measure::Ceilings& ceilings, Precision precision) {
  return precision == Precision::fp32   ? ceilings.fp32_gemm
         : precision == Precision::tf32 ? ceilings.tf32_gemm
                                        : ceilings.bf16_gemm;
}

Result run_case(const Contexts& contexts, const Case& one, Precision precision, const Options& options) {
  Result result{.op = one.op, .shape = one.shape, .type = std::string(name_of(precision))};
  result.left_out = one.left_out;
  try {
    const Computed expected = compute(contexts.cpu, one.twin_in_fp32 ? DType::fp32 : DType::fp64, one, false);
    Computed actual = compute(contexts.device, DType::fp32, one, contexts.timed);
    Computed again = compute(contexts.device, DType::fp32, one, false);
    if (options.disturb)
      for (Computed* computed : {&actual, &again})
        for (Values& values : computed->outputs) options.disturb(one.op, values);
    compare(actual, expected, precision, result);
    for (std::size_t i = 0; i < again.outputs.size() && result.failure.empty(); ++i)
      if (!same_bits(actual.outputs[i], again.outputs[i]))
        result.failure = fmt::format("{}: two runs differ", again.names[i]);
    if (contexts.timed) rate(one, contexts.ceilings, precision, actual.seconds, result);
  } catch (const std::exception& error) {
    result.failure = error.what();
  }
  return result;
}

}  // namespace mebm::selftest

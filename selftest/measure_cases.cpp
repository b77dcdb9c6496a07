#include "selftest/measure_cases.h"

#include "engine/device/accelerator.h"
#include "engine/ops/elementwise.h"
#include "measure/timing.h"
#include "selftest/run_case.h"

namespace mebm::selftest {

using engine::Context;

void for_each_measured_case(const MeasureOptions& options, const std::function<void(const Case&)>& visit) {
  const bool device = options.context.device.kind == engine::DeviceKind::cuda;
  Sweep sweep(1, options.precision, Extent::recipes, [&](const Case& one) {
    if ((device || !one.device_only) && one.op.find(options.only) != std::string::npos) visit(one);
  });
  sweep_cases(sweep);
}

measure::Ceilings measure_ceilings(Context& context, Precision precision) {
  measure::Ceilings ceilings;
  ceilings.copy = measure::copy_ceiling(context);
  (precision == Precision::fp32   ? ceilings.fp32_gemm
   : precision == Precision::tf32 ? ceilings.tf32_gemm
                                  : ceilings.bf16_gemm) = measure::gemm_ceiling(context);
  return ceilings;
}

void with_work(Context& context, const Case& one,
               const std::function<void(const std::function<void()>&)>& time) {
  // On a device an arena of its own, which goes last: everything but parameters lies in it.
  const auto arena = context.on_device() ? context.make_arena() : nullptr;
  const Context::UseArena use(context, arena ? *arena : context.lasting_arena());
  Work work;
  one.build(Side(context, engine::DType::fp32), work);
  try {
    time(work.run);
  } catch (...) {
    engine::ops::join(context);  // lets go of what the device's side stream holds in this arena
    throw;
  }
}

MeasureReport measure_cases(const MeasureOptions& options,
                            const std::function<void(const MeasureReport&, const Measured&)>& progress) {
  constexpr int kStretches = 5;
  Context context(options.context);
  MeasureReport report;
  report.device = context.on_device() ? context.accelerator().properties().name : engine::cpu_name();
  const measure::Effort effort{
      .stretch = options.seconds / kStretches, .stretches = kStretches, .seconds = options.seconds};
  for_each_measured_case(options, [&](const Case& one) {
    if (!report.ceilings.copy) report.ceilings = measure_ceilings(context, options.precision);
    Measured row{
        .op = one.op, .shape = one.shape, .type = std::string(name_of(options.precision)), .rate = {}};
    try {
      with_work(context, one, [&](const std::function<void()>& work) {
        row.seconds = measure::median(measure::seconds_of_calls(context, work, effort));
      });
      row.rate = measure::rate_of(one.flops, one.bytes, row.seconds,
                                  gemm_ceiling(report.ceilings, options.precision), report.ceilings.copy);
    } catch (const std::exception& error) {
      row.failure = error.what();
    }
    report.rows.push_back(row);
    if (progress) progress(report, report.rows.back());
  });
  if (report.rows.empty()) engine::fail_input("--only '{}': no operation has this in its name", options.only);
  return report;
}

}  // namespace mebm::selftest

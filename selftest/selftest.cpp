#include "selftest/selftest.h"

#include <algorithm>

#include "engine/device/accelerator.h"
#include "engine/device/context.h"
#include "selftest/iterations.h"
#include "selftest/run_case.h"

namespace mebm::selftest {

using engine::Context;

namespace {

// How a seed's cases of one type are told from another's.
std::uint64_t case_seed(std::uint64_t seed, Precision precision) {
  return 3 * seed + static_cast<std::uint64_t>(precision);
}

engine::ContextOptions device_options(const Options& options, Precision precision) {
  return {.device = options.device,
          .threads = options.threads,
          .bf16_features = precision == Precision::bf16,
          .tf32 = precision == Precision::tf32};
}

void describe(const Context& device, Report& report) {
  const auto& properties = device.accelerator().properties();
  report.device = properties.name;
  report.emulated = properties.major == 0;  // no GPU has this
}

}  // namespace

int Report::failed() const {
  return static_cast<int>(std::count_if(results.begin(), results.end(),
                                        [](const Result& result) { return !result.failure.empty(); }));
}

Report run(const Options& options, const std::function<void(const Report&, const Result&)>& progress) {
  Report report;
  report.seed = options.seed;
  const auto found = [&](const Result& result) {
    report.results.push_back(result);
    if (progress) progress(report, result);
  };
  Context cpu({.threads = options.threads});
  for (const Precision precision : {Precision::fp32, Precision::tf32, Precision::bf16}) {
    Context device(device_options(options, precision));
    describe(device, report);
    Contexts contexts{device, cpu, !report.emulated && !options.quick};
    if (contexts.timed) {
      measure::Ceilings& c = report.ceilings;
      if (!c.copy) c.copy = measure::copy_ceiling(device);
      (precision == Precision::fp32   ? c.fp32_gemm
       : precision == Precision::tf32 ? c.tf32_gemm
                                      : c.bf16_gemm) = measure::gemm_ceiling(device);
      contexts.ceilings = c;
    }
    const Extent extent = options.quick    ? Extent::quick
                          : contexts.timed ? Extent::random_and_work
                                           : Extent::random;
    Sweep sweep(case_seed(options.seed, precision), precision, extent, [&](const Case& one) {
      if (!one.only_timed && one.op.find(options.only) != std::string::npos)
        found(run_case(contexts, one, precision, options));
    });
    sweep_cases(sweep);
  }
  run_iterations(options, found);
  if (report.results.empty())
    engine::fail_input("--only '{}': no operation has this in its name", options.only);
  return report;
}

}  // namespace mebm::selftest

// Google Benchmark over the selftest's cases, on the CPU in fp32: --benchmark_filter chooses operations by
// name and shape, --benchmark_format=json writes JSON, --benchmark_repetitions repeats.

#include <benchmark/benchmark.h>

#include <memory>
#include <optional>

#include "engine/device/device.h"
#include "selftest/measure_cases.h"

namespace mebm {
namespace {

using selftest::Case;

// What all benchmarks share; the ceilings are measured when the first one runs.
struct Machine {
  selftest::MeasureOptions options;
  engine::Context context;
  std::optional<measure::Ceilings> ceilings;

  explicit Machine(const selftest::MeasureOptions& chosen) : options(chosen), context(chosen.context) {}
};

void run(benchmark::State& state, Machine& machine, const Case& one) {
  if (!machine.ceilings)
    machine.ceilings = selftest::measure_ceilings(machine.context, machine.options.precision);
  selftest::with_work(machine.context, one, [&](const std::function<void()>& work) {
    work();  // makes plans and memory
    for (auto _ : state) work();
  });
  constexpr auto kPerSecond = benchmark::Counter::kIsIterationInvariantRate;
  const std::optional<measure::Rate> of_one_second =
      measure::rate_of(one.flops, one.bytes, 1, machine.ceilings->fp32_gemm, machine.ceilings->copy);
  if (!of_one_second) return;
  const bool arithmetic = one.flops > 0;
  state.counters[arithmetic ? "GFLOP/s" : "GB/s"] =
      benchmark::Counter((arithmetic ? one.flops : one.bytes) * 1e-9, kPerSecond);
  state.counters["share_of_ceiling"] = benchmark::Counter(*of_one_second->share, kPerSecond);
}

}  // namespace
}  // namespace mebm

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  mebm::selftest::MeasureOptions options;
  options.context.threads = mebm::engine::physical_cores();
  options.context.convolution = mebm::engine::ConvolutionChoice::automatic;  // as training has it
  mebm::engine::bind_threads(options.context.threads);
  mebm::Machine machine(options);
  mebm::selftest::for_each_measured_case(options, [&](const mebm::selftest::Case& one) {
    benchmark::RegisterBenchmark((one.op + ", " + one.shape).c_str(),
                                 [&machine, one](benchmark::State& state) { mebm::run(state, machine, one); })
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
  });
  benchmark::AddCustomContext("threads", std::to_string(options.context.threads));
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}

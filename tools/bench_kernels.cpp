// mebm_engine bench kernels: every operation at the shapes of the recipes.

#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include <fmt/format.h>

#include "engine/core/error.h"
#include "selftest/measure_cases.h"
#include "tools/bench.h"
#include "tools/common_options.h"
#include "tools/options.h"

namespace mebm::tools {

using nlohmann::ordered_json;
using selftest::Measured;
using selftest::MeasureReport;
using selftest::Precision;

namespace {

struct KernelsCommand {
  RuntimeOptions runtime;
  std::optional<std::string> only;
  double seconds = 0.05;
  bool json = false;
};

constexpr double kGiga = 1e3;  // rates of arithmetic are in TFLOP/s

Precision precision_of(const ebm::RunConfig& run) {
  for (const Precision precision : {Precision::fp32, Precision::tf32, Precision::bf16})
    if (run.precision == selftest::name_of(precision)) return precision;
  engine::fail_input("--precision {}: bench kernels has fp32, tf32 and bf16", run.precision);
}

std::string unit_of(const measure::Rate& rate) {
  return rate.unit == "TFLOP/s" ? "GFLOP/s" : rate.unit;
}

double value_of(const measure::Rate& rate) {
  return rate.unit == "TFLOP/s" ? kGiga * rate.value : rate.value;
}

const std::optional<double>& products(const measure::Ceilings& c) {
  return c.fp32_gemm ? c.fp32_gemm : c.tf32_gemm ? c.tf32_gemm : c.bf16_gemm;
}

ordered_json to_json(const Measured& row) {
  ordered_json out = {{"op", row.op},
                      {"shape", row.shape},
                      {"type", row.type},
                      {"seconds", row.failure.empty() ? ordered_json(row.seconds) : ordered_json()},
                      {"gigabytes_per_second", nullptr},
                      {"gigaflops", nullptr},
                      {"share_of_ceiling", nullptr},
                      {"failure", row.failure}};
  if (!row.rate) return out;
  out[unit_of(*row.rate) == "GFLOP/s" ? "gigaflops" : "gigabytes_per_second"] = value_of(*row.rate);
  if (row.rate->share) out["share_of_ceiling"] = *row.rate->share;
  return out;
}

ordered_json to_json(const MeasureReport& report, const ebm::RunConfig& run, int threads) {
  ordered_json out = {{"engine", "mebm_engine " MEBM_VERSION},
                      {"device", report.device},
                      {"precision", run.precision},
                      {"threads", threads},
                      {"ceilings",
                       {{"copy_gigabytes_per_second", *report.ceilings.copy},
                        {"product_gigaflops", kGiga * *products(report.ceilings)}}},
                      {"rows", ordered_json::array()}};
  for (const Measured& row : report.rows) out["rows"].push_back(to_json(row));
  return out;
}

constexpr const char* kColumns = "{:<44} {:<30} {:>10} {:>14} {:>6}\n";

std::string head(const MeasureReport& report, const ebm::RunConfig& run, int threads) {
  return fmt::format("{}, {}, {} threads; ceilings measured: copy {:.1f} GB/s, products {:.0f} GFLOP/s\n",
                     report.device, run.precision, threads, *report.ceilings.copy,
                     kGiga * *products(report.ceilings)) +
         fmt::format(kColumns, "operation", "shape", "ms", "rate", "share");
}

std::string line(const Measured& row) {
  if (!row.failure.empty())
    return fmt::format(kColumns, row.op, row.shape, "-", "-", "-") + "  FAILED: " + row.failure + "\n";
  const auto& rate = row.rate;
  return fmt::format(kColumns, row.op, row.shape, fmt::format("{:.4f}", 1e3 * row.seconds),
                     rate ? fmt::format("{:.1f} {}", value_of(*rate), unit_of(*rate)) : "-",
                     rate && rate->share ? fmt::format("{:.0f} %", 100 * *rate->share) : "-");
}

int run_bench_kernels(const KernelsCommand& o) {
  constexpr double kLongest = 3600;
  require_range("--seconds", o.seconds, 0, kLongest);
  ebm::RunConfig run;
  apply_runtime_options(o.runtime, run);
  resolve_precision(run);
  const int threads = thread_count(run.threads);
  const selftest::MeasureOptions options{.context = context_options(run, threads),
                                         .precision = precision_of(run),
                                         .only = o.only.value_or(""),
                                         .seconds = o.seconds};
  const auto print = [&](const MeasureReport& report, const Measured& row) {
    if (report.rows.size() == 1) fmt::print("{}", head(report, run, threads));
    fmt::print("{}", line(row));
    std::fflush(stdout);
  };
  const MeasureReport report =
      o.json ? selftest::measure_cases(options) : selftest::measure_cases(options, print);
  if (o.json)
    fmt::print("{}\n",
               to_json(report, run, threads).dump(2, ' ', false, ordered_json::error_handler_t::replace));
  for (const Measured& row : report.rows)
    if (!row.failure.empty()) engine::fail("{}, {}: {}", row.op, row.shape, row.failure);
  return 0;
}

}  // namespace

CommandRunner add_bench_kernels(CLI::App& command) {
  auto o = std::make_shared<KernelsCommand>();
  Options options(command);
  add_runtime_options(options, o->runtime);
  options.optional("--only", "NAME", o->only, "time only operations with this in their name",
                   "every operation");
  options.with_default("--seconds", "S", o->seconds, "seconds to spend on each, about; two calls at least");
  options.flag("--json", o->json, "print one JSON object instead of the table");
  options.footer(
      "Shapes are those of WRN-28-10 and WRN-16-2 with batches of 64 images of 32 pixels. The share is of a\n"
      "ceiling measured first: a large copy for operations bound by memory, a large matrix product (a 1x1\n"
      "convolution) for the others. A small operand stays in the cache and a Winograd convolution saves\n"
      "multiplications: both may exceed 100 %.");
  return [o] { return run_bench_kernels(*o); };
}

}  // namespace mebm::tools

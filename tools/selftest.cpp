// mebm_engine selftest: does a device compute what the CPU computes, and how fast.

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include <fmt/format.h>

#include "engine/core/error.h"
#include "selftest/table.h"
#include "tools/commands.h"
#include "tools/common_options.h"
#include "tools/options.h"

namespace mebm::tools {

using nlohmann::ordered_json;
using selftest::Report;
using selftest::Result;

namespace {

struct SelftestOptions {
  std::string device = "cuda";
  std::uint64_t seed = 1;
  std::optional<std::string> only;
  bool json = false, quick = false;
};

ordered_json or_null(const std::optional<double>& number) {
  return number ? ordered_json(*number) : ordered_json();
}

ordered_json to_json(const Result& r) {
  return {{"op", r.op},
          {"shape", r.shape},
          {"type", r.type},
          {"output", r.output},
          {"error", r.error},
          {"tolerance", r.tolerance},
          {"left_out", or_null(r.left_out)},
          {"milliseconds", or_null(r.milliseconds)},
          {"gigabytes_per_second", r.rate_unit == "GB/s" ? or_null(r.rate) : ordered_json()},
          {"teraflops", r.rate_unit == "TFLOP/s" ? or_null(r.rate) : ordered_json()},
          {"share_of_ceiling", or_null(r.share)},
          {"passed", r.failure.empty()},
          {"failure", r.failure}};
}

ordered_json to_json(const Report& report) {
  ordered_json out;
  out["device"] = report.device;
  out["emulated"] = report.emulated;
  out["seed"] = report.seed;
  out["ceilings"] = {{"copy_gigabytes_per_second", or_null(report.ceilings.copy)},
                     {"fp32_teraflops", or_null(report.ceilings.fp32_gemm)},
                     {"tf32_teraflops", or_null(report.ceilings.tf32_gemm)},
                     {"bf16_teraflops", or_null(report.ceilings.bf16_gemm)}};
  out["results"] = ordered_json::array();
  for (const Result& result : report.results) out["results"].push_back(to_json(result));
  out["passed"] = report.passed();
  out["failed"] = report.failed();
  return out;
}

int run_selftest(const SelftestOptions& o) {
  selftest::Options options;
  options.device = engine::parse_device(o.device);
  if (options.device.kind == engine::DeviceKind::cpu)
    engine::fail_input("--device {}: selftest compares a GPU with the CPU; use --device cuda", o.device);
  options.threads = thread_count(0);
  options.seed = o.seed;
  options.quick = o.quick;
  options.only = o.only.value_or("");
  const auto print = [](const Report& report, const Result& result) {
    if (report.results.size() == 1) fmt::print("{}", selftest::table_head(report));
    fmt::print("{}", selftest::table_line(result));
    std::fflush(stdout);
  };
  const Report report = o.json ? selftest::run(options) : selftest::run(options, print);
  if (o.json)
    fmt::print("{}\n", to_json(report).dump(2, ' ', false, ordered_json::error_handler_t::replace));
  else
    fmt::print("{}\n", selftest::summary(report));
  return report.failed() == 0 ? 0 : 1;
}

}  // namespace

CommandRunner add_selftest(CLI::App& command) {
  auto o = std::make_shared<SelftestOptions>();
  Options options(command);
  options.with_default("--device", "DEVICE", o->device, "the device to test: cuda or cuda:<index>");
  options.with_default("--seed", "N", o->seed, "seed of shapes and inputs; another one tests other shapes");
  options.optional("--only", "NAME", o->only, "run only operations with this in their name",
                   "every operation");
  options.flag("--json", o->json, "print one JSON object instead of the table");
  options.flag("--quick", o->quick, "few and small shapes and four iterations; nothing is timed");
  options.footer(
      "Every operation runs twice on the device, which must give the same bits, and once on the CPU, which\n"
      "must give the same values within the tolerance printed; then ten training iterations. Exit status: 0\n"
      "all passed; 1 something failed; 2 no such device.");
  return [o] { return run_selftest(*o); };
}

}  // namespace mebm::tools

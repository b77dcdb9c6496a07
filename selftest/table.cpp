#include "selftest/table.h"

#include <fmt/format.h>

namespace mebm::selftest {
namespace {

constexpr const char* kColumns = "{:<44} {:<30} {:<5} {:>8} {:>9} {:>8} {:>9} {:>13} {:>6}";

std::string ceilings_text(const measure::Ceilings& c) {
  if (!c.copy) return "";
  std::string text = fmt::format("ceilings measured: copy {:.0f} GB/s", *c.copy);
  const auto add = [&](const char* type, const std::optional<double>& rate) {
    if (rate) text += fmt::format(", {} products {:.1f} TFLOP/s", type, *rate);
  };
  add("fp32", c.fp32_gemm);
  add("tf32", c.tf32_gemm);
  add("bf16", c.bf16_gemm);
  return text + "\n";
}

}  // namespace

std::string table_head(const Report& report) {
  return fmt::format("device: {}{}; seed {}\n", report.device,
                     report.emulated ? ", emulated on the host: nothing is timed" : "", report.seed) +
         fmt::format(kColumns, "op", "shape", "type", "error", "tolerance", "left out", "ms", "rate",
                     "share") +
         "\n";
}

std::string table_line(const Result& r) {
  std::string line = fmt::format(kColumns, r.op, r.shape, r.type, fmt::format("{:.1e}", r.error),
                                 fmt::format("{:.0e}", r.tolerance),
                                 r.left_out ? fmt::format("{:.2g} %", 100 * *r.left_out) : "-",
                                 r.milliseconds ? fmt::format("{:.4f}", *r.milliseconds) : "-",
                                 r.rate ? fmt::format("{:.1f} {}", *r.rate, r.rate_unit) : "-",
                                 r.share ? fmt::format("{:.0f} %", 100 * *r.share) : "-");
  if (!r.failure.empty()) line += fmt::format("\n  FAILED {}, {}, {}: {}", r.op, r.shape, r.type, r.failure);
  return line + "\n";
}

std::string summary(const Report& report) {
  return ceilings_text(report.ceilings) +
         fmt::format("selftest: {} passed, {} failed", report.passed(), report.failed());
}

}  // namespace mebm::selftest

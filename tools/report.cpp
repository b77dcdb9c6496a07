// mebm_engine report: an HTML page of training runs.

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "engine/core/error.h"
#include "report/progress.h"
#include "tools/commands.h"
#include "tools/options.h"
#include "tools/run_report.h"

namespace mebm::tools {

using engine::fail_input;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMostRuns = 24;
constexpr std::int64_t kMostMegabytes = 1024;

struct ReportOptions {
  std::vector<std::string> runs;
  std::optional<std::string> out;
  std::int64_t image_megabytes = 16;
};

std::vector<fs::path> directories(const std::vector<std::string>& runs) {
  if (runs.size() > kMostRuns)
    fail_input("report: {} runs are given, a page shows {} at most", runs.size(), kMostRuns);
  std::vector<fs::path> found;
  for (const std::string& run : runs) {
    if (run.empty()) fail_input("report: RUN '' is empty; give the --out of a train");
    std::error_code error;
    for (const fs::path& other : found)
      if (fs::equivalent(other, run, error))
        fail_input("report: {} and {} are one directory; give it once", other.string(), run);
    found.emplace_back(run);
  }
  return found;
}

int run_report(const ReportOptions& o) {
  if (o.image_megabytes < 0 || o.image_megabytes > kMostMegabytes)
    fail_input("--image-megabytes {} is outside 0 ... {}", o.image_megabytes, kMostMegabytes);
  const std::vector<fs::path> runs = directories(o.runs);
  RunReportOptions options;
  options.out = o.out ? fs::path(*o.out) : runs.front() / "report.html";
  options.image_bytes = static_cast<std::size_t>(o.image_megabytes) << 20;
  const std::size_t bytes = write_run_report(runs, options);
  fmt::print("report      {} ({})\n", options.out.string(), report::format_bytes(bytes));
  return 0;
}

}  // namespace

CommandRunner add_report(CLI::App& command) {
  auto o = std::make_shared<ReportOptions>();
  Options options(command);
  options.required_list("runs", "RUN ...", o->runs, "run directories (the --out of train), running ones too");
  options.optional("--out", "FILE.html", o->out, "where the page goes",
                   "report.html in the first run directory");
  options.with_default(
      "--image-megabytes", "N", o->image_megabytes,
      "MiB of sample grids and figures in the page, shared by the runs; what is left out is said");
  return [o] { return run_report(*o); };
}

}  // namespace mebm::tools

// mebm_engine verify-data: is a data set the official one.

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include <fmt/format.h>

#include "data/verify.h"
#include "tools/commands.h"
#include "tools/options.h"

namespace mebm::tools {

using nlohmann::ordered_json;

namespace {

constexpr int kBadInput = 2;

struct VerifyDataOptions {
  std::string path;
  std::optional<std::string> set;
  bool json = false;
};

ordered_json to_json(const data::VerifyReport& report) {
  ordered_json out;
  out["set"] = report.set;
  out["status"] = report.status;
  out["summary"] = report.summary;
  if (!report.archive_md5.empty())
    out["archive"] = {{"md5", report.archive_md5}, {"official", report.archive_official}};
  out["files"] = ordered_json::array();
  for (const data::VerifiedFile& file : report.files)
    out["files"].push_back(
        {{"path", file.path}, {"bytes", file.bytes}, {"md5", file.md5}, {"official", file.official}});
  out["splits"] = ordered_json::array();
  for (const data::VerifiedSplit& split : report.splits) {
    ordered_json findings = ordered_json::array();
    for (const data::VerifyFinding& finding : split.findings)
      findings.push_back({{"file", finding.file},
                          {"record", finding.record},
                          {"offset", finding.offset},
                          {"what", finding.what}});
    out["splits"].push_back({{"split", split.split},
                             {"records", split.records},
                             {"digest", split.digest},
                             {"official_records", split.official_records},
                             {"wrong_records", split.wrong_records},
                             {"all_found", split.all_found},
                             {"findings", std::move(findings)}});
  }
  return out;
}

std::string found_text(const data::VerifiedSplit& split) {
  if (split.official_records) return "all official";
  if (split.all_found) return fmt::format("{} not official", split.wrong_records);
  if (split.wrong_records == 0) return "not all official, which ones cannot be told";
  return fmt::format("at least {} not official", split.wrong_records);
}

void print_text(const data::VerifyReport& report) {
  // What is wrong is said once, on stderr.
  if (report.usable())
    fmt::print("{}\n\n", report.summary);
  else
    fmt::print("{}: {}\n\n", report.set, report.status);
  for (const data::VerifiedFile& file : report.files)
    fmt::print("{}  {:>10} bytes  {}  {}\n", file.md5, file.bytes, file.official ? "official" : "other   ",
               file.path);
  for (const data::VerifiedSplit& split : report.splits) {
    fmt::print("{}: {} records, {}\n", split.split, split.records, found_text(split));
    for (const data::VerifyFinding& finding : split.findings) {
      std::string where = finding.file;
      if (finding.record >= 0) where += fmt::format(", record {}", finding.record);
      if (finding.offset >= 0) where += fmt::format(", byte offset {}", finding.offset);
      fmt::print("  {}: {}\n", where, finding.what);
    }
  }
}

int run_verify_data(const VerifyDataOptions& o) {
  const data::VerifyReport report = data::verify_dataset(o.path, o.set.value_or(""));
  if (o.json)
    fmt::print("{}\n", to_json(report).dump(2, ' ', false, ordered_json::error_handler_t::replace));
  else
    print_text(report);
  if (report.usable()) return 0;
  fmt::print(stderr, "mebm_engine: {}\n", report.summary);
  return kBadInput;
}

}  // namespace

CommandRunner add_verify_data(CLI::App& command) {
  auto o = std::make_shared<VerifyDataOptions>();
  Options options(command);
  options.required("path", "DIR", o->path, "folder or archive of the data set");
  options.optional("--data-set", "NAME", o->set, "data set: cifar10, cifar100, mnist or fashion-mnist",
                   "told by its files");
  options.hidden_alias("--set", o->set);
  options.flag("--json", o->json, "print one JSON object instead of text");
  return [o] { return run_verify_data(*o); };
}

}  // namespace mebm::tools

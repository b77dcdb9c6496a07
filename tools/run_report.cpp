#include "tools/run_report.h"

#include <iostream>
#include <vector>

#include "engine/core/error.h"
#include "engine/io/atomic_write.h"
#include "report/page.h"
#include "tools/config.h"
#include "tools/run_directory.h"

namespace mebm::tools {

namespace fs = std::filesystem;

namespace {

std::string method_of(const ebm::Config& config) {
  std::string method = config.objective.energy_weight == 0       ? "classifier"
                       : config.objective.classifier_weight != 0 ? "M-JEM"
                                                                 : "M-EBM";
  if (config.objective.energy_weight != 0) method += fmt::format(", K = {}", config.sampler.steps);
  return fmt::format("{}, WRN-{}-{}, {}", method, config.model.depth, config.model.width, config.data.set);
}

report::RunFacts facts_of(const fs::path& directory) {
  report::RunFacts facts;
  const fs::path path = directory / "config.toml";
  bool cut = false;
  const std::string text = report::read_text(path, std::size_t{1} << 20, cut);
  if (text.empty()) return facts;
  try {
    ebm::Config config;
    apply_toml(config, text, path.string());
    facts.recipe = config.recipe;
    facts.method = method_of(config);
    facts.iterations_per_epoch = config.run.iterations_per_epoch;
    facts.epochs = config.run.epochs;
    facts.evaluate_every = config.run.evaluate_every;
    facts.validation_images = config.data.validation;
    if (const ebm::PublishedRow& row = config.published; row.present)
      facts.published = report::PublishedFigures{published_line(row), row.accuracy, row.inception_score,
                                                 row.fid, row.minutes_per_epoch};
  } catch (const engine::Error& error) {
    facts.problem = fmt::format("config.toml is not understood by this version: {}", error.what());
  }
  return facts;
}

}  // namespace

std::size_t write_run_report(std::span<const fs::path> runs, const RunReportOptions& options) {
  std::vector<report::RunSummary> summaries;
  for (const fs::path& run : runs)
    summaries.push_back(report::read_run(run, facts_of(run), options.image_bytes / runs.size()));
  report::name_runs(summaries);
  const std::string page = report::report_page(summaries, {MEBM_VERSION, creation_time()});
  engine::check_can_write(options.out, page.size());
  engine::write_atomically(options.out, std::as_bytes(std::span(page)));
  return page.size();
}

void write_own_report(const fs::path& run) {
  try {
    RunReportOptions options;
    options.out = run / "report.html";
    write_run_report(std::span(&run, 1), options);
    std::cerr << "report      " << options.out.string() << "\n";
  } catch (const std::exception& error) {
    std::cerr << "note        the report was not written: " << error.what() << "\n";
  }
}

}  // namespace mebm::tools

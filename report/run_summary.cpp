#include "report/run_summary.h"

#include <algorithm>
#include <deque>
#include <fstream>
#include <set>
#include <sstream>

#include "engine/core/error.h"
#include "engine/io/checkpoint_file.h"
#include "report/progress.h"

namespace mebm::report {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMostText = std::size_t{1} << 20, kMostEvaluation = std::size_t{4} << 20;
constexpr std::size_t kMostGrids = 60, kMostFigures = 24;

bool is_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

// A text file of the run: "" and a note where it is absent or cut.
std::string take_text(RunSummary& run, const char* name, std::size_t most, const char* absent) {
  const fs::path path = run.directory / name;
  if (!is_file(path)) {
    if (*absent != '\0') run.notes.push_back(fmt::format("no {}: {}", name, absent));
    return "";
  }
  bool cut = false;
  std::string text = read_text(path, most, cut);
  if (cut)
    run.notes.push_back(fmt::format("{} is longer than {}; the rest is left out", name, format_bytes(most)));
  return text;
}

// What the last line of run.log says, its time left out.
std::string state_of(const RunSummary& run) {
  std::string last;
  std::istringstream lines(run.log);
  for (std::string line; std::getline(lines, line);)
    if (!line.empty()) last = line;
  const std::string text = last.substr(std::min(last.size(), last.find(' ') + 1));
  if (text.starts_with("started") || text.starts_with("resumed"))
    return text + "; no end recorded: still running, or killed";
  return text.empty() ? "not known" : text;
}

std::string text_of(const engine::Hdf5Attribute& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *integer);
  if (const auto* number = std::get_if<double>(&value)) return fmt::format("{:.6g}", *number);
  return "";
}

// The newest checkpoint by the number in its name; empty where there is none.
fs::path newest_checkpoint(const fs::path& directory) {
  fs::path newest;
  std::error_code error;
  for (fs::directory_iterator entry(directory / "checkpoints", error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    // Of equal length, but for runs beyond ten million iterations.
    const auto rank = [](const std::string& text) { return std::pair(text.size(), text); };
    if (name.starts_with("iteration-") && name.ends_with(".h5") &&
        (newest.empty() || rank(name) > rank(newest.filename().string())))
      newest = entry->path();
  }
  return newest;
}

// Versions and machine are in the checkpoints, nowhere else.
void read_environment(RunSummary& run) {
  const fs::path path = newest_checkpoint(run.directory);
  if (path.empty()) {
    run.notes.emplace_back("no checkpoint: versions, machine and precision are not known");
    return;
  }
  try {
    const engine::Hdf5Reader reader = engine::open_checked(path);
    run.environment.push_back({"newest checkpoint", path.filename().string()});
    for (const char* name : {"engine_version", "created"})
      if (const auto text = reader.optional_string("/", name)) run.environment.push_back({name, *text});
    if (!reader.exists("/environment")) return;
    for (const auto& [name, value] : reader.attributes("/environment"))
      run.environment.push_back({name, text_of(value)});
  } catch (const engine::Error& error) {
    run.notes.push_back(fmt::format("versions and machine are not known: {}", error.what()));
  }
}

void read_incidents(RunSummary& run) {
  std::ifstream in(run.directory / "incidents.jsonl", std::ios::binary);
  std::deque<std::string> newest;
  for (std::string line; in && std::getline(in, line);) {
    if (line.empty()) continue;
    ++run.incident_count;
    newest.push_back(line.substr(0, 65536));
    if (newest.size() > kMostIncidents) newest.pop_front();
  }
  run.incidents.assign(newest.begin(), newest.end());
}

void note_left_out(RunSummary& run, const PageImages& images, const char* what) {
  if (images.images.size() < images.found)
    run.notes.push_back(
        fmt::format("{} of {} {} are shown: the page's size is bounded; the others are in the run "
                    "directory",
                    images.images.size(), images.found, what));
}

void read_images(RunSummary& run, std::size_t budget) {
  int refused = 0;
  const std::vector<PngFile> figures = list_pngs(run.directory / "analysis", refused);
  const std::vector<PngFile> grids = list_pngs(run.directory / "samples", refused);
  run.figures = embed_pngs(figures, grids.empty() ? budget : budget / 2, kMostFigures);
  run.grids = embed_pngs(grids, budget - run.figures.bytes, kMostGrids);
  if (refused > 0)
    run.notes.push_back(fmt::format("{} files named *.png are no PNG images; left out", refused));
  note_left_out(run, run.grids, "sample grids");
  note_left_out(run, run.figures, "figures of analysis/");
}

// The last `length` parts of a path: "cifar10/run-1".
std::string end_of(const fs::path& path, std::size_t length) {
  std::error_code error;
  const fs::path whole = fs::absolute(path, error).lexically_normal();
  std::vector<std::string> parts;
  for (const fs::path& part : whole)
    if (!part.empty() && part != "/") parts.push_back(part.string());
  const std::size_t first = parts.size() - std::min(length, parts.size());
  const std::string name =
      fmt::format("{}", fmt::join(parts.begin() + static_cast<std::ptrdiff_t>(first), parts.end(), "/"));
  return name.empty() ? std::string("root") : name;
}

}  // namespace

std::string read_text(const fs::path& path, std::size_t most, bool& cut) {
  std::ifstream in(path, std::ios::binary);
  std::string text(most + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  cut = text.size() > most;
  if (cut) text.resize(most);
  return text;
}

RunSummary read_run(const fs::path& directory, RunFacts facts, std::size_t image_bytes) {
  std::error_code error;
  if (!fs::is_directory(directory, error))
    engine::fail_input("report {}: {}; give the --out of a train", directory.string(),
                       fs::exists(directory, error) ? "is no directory" : "no such directory");
  if (!is_file(directory / "config.toml") && !is_file(directory / "metrics.jsonl"))
    engine::fail_input("report {}: holds neither config.toml nor metrics.jsonl; give the --out of a train",
                       directory.string());
  RunSummary run;
  run.directory = directory;
  run.facts = std::move(facts);
  run.metrics = read_metrics(directory / "metrics.jsonl");
  run.notes = run.metrics.notes;
  run.config_toml = take_text(run, "config.toml", kMostText, "the configuration is not known");
  if (!run.config_toml.empty() && !run.facts.problem.empty()) run.notes.push_back(run.facts.problem);
  run.log = take_text(run, "run.log", kMostText, "how the run ended is not known");
  run.state = state_of(run);
  run.evaluation = take_text(run, "evaluation.json", kMostEvaluation, "");
  read_environment(run);
  read_incidents(run);
  read_images(run, image_bytes);
  return run;
}

void name_runs(std::vector<RunSummary>& runs) {
  constexpr std::size_t kDeepest = 64;
  for (std::size_t length = 1; length < kDeepest; ++length) {
    std::set<std::string> names;
    for (RunSummary& run : runs) {
      run.name = end_of(run.directory, length);
      names.insert(run.name);
    }
    if (names.size() == runs.size()) return;
  }
}

}  // namespace mebm::report

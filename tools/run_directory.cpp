#include "tools/run_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <ctime>

#include "engine/io/atomic_write.h"

namespace mebm::tools {
namespace fs = std::filesystem;
using engine::fail;
using engine::fail_input;

namespace {

std::string json_number(double value) {
  return std::isfinite(value) ? fmt::format("{:.9g}", value) : "null";
}

// The number in "iteration-<number>.h5", or -1.
std::int64_t checkpoint_iteration(const fs::path& path) {
  const std::string name = path.filename().string();
  constexpr std::string_view kPrefix = "iteration-", kSuffix = ".h5";
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return -1;
  const std::string digits = name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size());
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos || digits.size() > 18)
    return -1;
  return std::stoll(digits);
}

void write_text(const fs::path& path, const std::string& text) {
  engine::write_atomically(path, std::as_bytes(std::span(text.data(), text.size())));
}

void append_line(std::ofstream& stream, const fs::path& path, const std::string& line) {
  if (!stream.is_open()) stream.open(path, std::ios::app);
  stream << line << '\n' << std::flush;
  if (!stream) fail("{}: cannot be written (disk full?); the last checkpoint is intact", path.string());
}

}  // namespace

std::string creation_time() {
  const char* fixed = std::getenv("SOURCE_DATE_EPOCH");
  const std::time_t now =
      fixed != nullptr ? static_cast<std::time_t>(std::strtoll(fixed, nullptr, 10)) : std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

std::string metrics_line(const ebm::IterationResult& r, const EvaluationFigures& figures) {
  std::string line = fmt::format(R"({{"iteration": {}, "epoch": {})", r.iteration, r.epoch);
  const auto add = [&](const char* name, double value) {
    line += fmt::format(R"(, "{}": {})", name, json_number(value));
  };
  add("loss", r.loss);
  add("energy_positive", r.energy_positive);
  add("energy_negative", r.energy_negative);
  add("cross_entropy", r.cross_entropy);
  add("learning_rate", r.learning_rate);
  add("gradient_norm", r.gradient_norm);
  add("seconds", r.seconds);
  if (figures.validation_accuracy) add("validation_accuracy", *figures.validation_accuracy);
  if (figures.fd_ref) add("fd_ref", *figures.fd_ref);
  if (figures.fd_ref_buffer) add("fd_ref_buffer", *figures.fd_ref_buffer);
  return line + "}";
}

void RunDirectory::check_unused() const {
  std::error_code error;
  if (fs::exists(root_ / "config.toml", error) || !checkpoints().empty())
    fail_input("--out {}: holds another run; continue it with --resume or name another directory",
               root_.string());
}

void RunDirectory::check_fresh(std::uint64_t checkpoint_bytes) const {
  check_unused();
  std::error_code error;
  rlimit limit{};
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
      limit.rlim_cur < checkpoint_bytes)
    fail_input("--out {}: the file-size limit is {} bytes, a checkpoint needs {}; raise it (ulimit -f)",
               root_.string(), limit.rlim_cur, checkpoint_bytes);
  // The nearest existing parent decides whether the directory can be made.
  fs::path wanted = fs::absolute(root_).lexically_normal();
  if (!wanted.has_filename()) wanted = wanted.parent_path();  // "run/"
  engine::check_name(best_checkpoint_path());
  fs::path existing = wanted;
  while (!fs::exists(existing, error) && existing.has_parent_path() && existing != existing.parent_path())
    existing = existing.parent_path();
  if (!fs::is_directory(existing, error))
    fail_input("--out {}: {} is a file, not a directory", root_.string(), existing.string());
  engine::check_can_write(existing == wanted ? existing / "config.toml" : existing / wanted.filename(),
                          checkpoint_bytes);
}

void RunDirectory::lock() {
  const fs::path path = root_ / "run.log";
  lock_.emplace(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
  if (!*lock_)
    fail_input("--out {}: {} cannot be written: {}", root_.string(), path.string(),
               std::generic_category().message(errno));
  // A file system without locks is taken as it is.
  if (flock(lock_->get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    fail_input("--out {}: another train is running there; wait for it or name another directory",
               root_.string());
}

void RunDirectory::make_folders() {
  std::error_code error;
  for (const char* sub : {"checkpoints", "samples"}) {
    fs::create_directories(root_ / sub, error);
    if (error) fail_input("--out {}: cannot make {}: {}", root_.string(), sub, error.message());
  }
  if (!lock_) {
    lock();
    check_unused();
  }
  remove_partial_files();
}

void RunDirectory::write_config(const std::string& config_toml) {
  write_text(root_ / "config.toml", config_toml);
}

void RunDirectory::remove_partial_files() const {
  std::error_code error;
  for (const fs::path& directory : {root_, root_ / "checkpoints", root_ / "samples"}) {
    std::vector<fs::path> partial;
    for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error))
      if (entry->path().extension() == ".partial") partial.push_back(entry->path());
    for (const fs::path& path : partial) fs::remove(path, error);
  }
}

fs::path RunDirectory::checkpoint_path(std::int64_t iteration) const {
  return root_ / "checkpoints" / fmt::format("iteration-{:07}.h5", iteration);
}

fs::path RunDirectory::sample_path(std::int64_t iteration) const {
  return root_ / "samples" / fmt::format("iteration-{:07}.png", iteration);
}

std::vector<fs::path> RunDirectory::checkpoints() const {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(root_ / "checkpoints", error), end; !error && entry != end;
       entry.increment(error))
    if (checkpoint_iteration(entry->path()) >= 0) found.push_back(entry->path());
  std::sort(found.begin(), found.end(), [](const fs::path& a, const fs::path& b) {
    return checkpoint_iteration(a) > checkpoint_iteration(b);
  });
  return found;
}

void RunDirectory::retain(int kept, std::int64_t iteration) const {
  std::vector<fs::path> found = checkpoints();
  std::erase_if(found, [&](const fs::path& path) { return checkpoint_iteration(path) > iteration; });
  std::error_code ignored;
  for (std::size_t i = static_cast<std::size_t>(std::max(kept, 1)); i < found.size(); ++i)
    fs::remove(found[i], ignored);
}

void RunDirectory::truncate_metrics(std::int64_t iteration) const {
  const fs::path path = root_ / "metrics.jsonl";
  std::ifstream in(path);
  if (!in) return;
  std::string kept;
  constexpr std::string_view kKey = "{\"iteration\": ";
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(kKey) || !line.ends_with('}')) continue;  // a line a crash cut short
    if (std::strtoll(line.c_str() + kKey.size(), nullptr, 10) < iteration) kept += line + '\n';
  }
  write_text(path, kept);
}

fs::path RunDirectory::best_checkpoint_path() const {
  return root_ / "checkpoints" / "best-on-validation.h5";
}

void RunDirectory::append_metrics(const ebm::IterationResult& result, const EvaluationFigures& figures) {
  append_line(metrics_, root_ / "metrics.jsonl", metrics_line(result, figures));
}

void RunDirectory::append_log(const std::string& line) {
  append_line(log_, root_ / "run.log", creation_time() + " " + line);
}

}  // namespace mebm::tools

#pragma once
// What a run directory (SPEC section 9) holds that people want to see, and what of it is missing.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "report/metrics_log.h"
#include "report/run_images.h"

namespace mebm::report {

// The published row of a recipe; 0 = not reported.
struct PublishedFigures {
  std::string line;                                   // the row in words
  double accuracy = 0, inception_score = 0, fid = 0;  // percent, -, -
  double minutes_per_epoch = 0;                       // of 390 iterations
};

// What the run's configuration says; only tools/ can read one.
struct RunFacts {
  std::string problem;           // why the configuration could not be read, in one line; "" where it could
  std::string recipe;            // "" = none
  std::string method;            // "M-JEM, K = 5, WRN-10-2, cifar10"
  int iterations_per_epoch = 0;  // 0 = not known
  int epochs = 0;
  int evaluate_every = 0;  // epochs between evaluations on the validation split; 0: never
  std::int64_t validation_images = 0;
  std::optional<PublishedFigures> published;
};

struct Fact {
  std::string name, value;
};

struct RunSummary {
  std::filesystem::path directory;
  std::string name;  // short and unlike the other runs' names
  RunFacts facts;
  MetricsLog metrics;
  std::string state;  // "finished at iteration 600"
  std::vector<Fact>
      environment;  // engine version, processor, threads, precision, ... of the newest checkpoint
  std::string config_toml, log;        // "" where absent
  std::string evaluation;              // evaluation.json; "" where absent
  std::vector<std::string> incidents;  // lines of incidents.jsonl, the newest kMostIncidents
  std::int64_t incident_count = 0;
  PageImages grids, figures;       // samples/*.png, analysis/*.png
  std::vector<std::string> notes;  // what is absent, damaged or left out, for people
};

inline constexpr std::size_t kMostIncidents = 200;

// Reads a run directory, of a running run too. `image_bytes` bounds the data URIs of its images. Throws
// InputError where `directory` is no directory, or holds neither config.toml nor metrics.jsonl; anything else
// that is wrong or absent is a note.
RunSummary read_run(const std::filesystem::path& directory, RunFacts facts, std::size_t image_bytes);

// Gives each run the shortest end of its path that no other has.
void name_runs(std::vector<RunSummary>& runs);

// At most `most` bytes of a file; "" where it cannot be read. `cut` says whether there was more.
std::string read_text(const std::filesystem::path& path, std::size_t most, bool& cut);

}  // namespace mebm::report

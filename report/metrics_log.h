#pragma once
// metrics.jsonl of a run directory (SPEC section 9) as curves: any file, of any size, whole or not.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "report/series.h"

namespace mebm::report {

struct MetricsLog {
  bool present = false;
  std::int64_t lines = 0;                // objects read
  double last_iteration = -1;            // of them; -1: none
  std::map<std::string, Series> curves;  // numeric keys by iteration, and energy_gap = E- - E+
  std::vector<std::string> notes;        // what was left out, for people

  // The curve of `key` where it holds a finite value; else null.
  const Series* find(const std::string& key) const;
};

// Reads in bounded memory. A last line that is cut short (a run that writes, or was killed), lines that are
// no JSON object or have no `iteration`, lines beyond 1 MiB and keys beyond kMostCurves are left out and
// noted; a null is a value that is not finite. Throws nothing on account of the file.
MetricsLog read_metrics(const std::filesystem::path& path);

inline constexpr int kMostCurves = 64;

}  // namespace mebm::report

#pragma once
// The HTML report of run directories, as `report` and the end of a training run write it.

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

namespace mebm::tools {

struct RunReportOptions {
  std::filesystem::path out;
  std::size_t image_bytes = std::size_t{16} << 20;  // of all the images in the page
};

// Writes the page, whole or not at all; returns its size in bytes. InputError where a directory holds no run
// or `out` cannot be written; what is absent or damaged inside a run is said in the page.
std::size_t write_run_report(std::span<const std::filesystem::path> runs, const RunReportOptions& options);

// RUN/report.html of a run that has just ended. A report that cannot be written is a line on stderr: the run
// itself is whole.
void write_own_report(const std::filesystem::path& run);

}  // namespace mebm::tools

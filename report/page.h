#pragma once
// The HTML report of one run or several: one file that needs nothing else.

#include <cstdint>
#include <span>
#include <string>

#include "report/run_summary.h"

namespace mebm::report {

struct PageOrigin {
  std::string engine_version;  // of the program that writes the page
  std::string created;         // ISO 8601
};

// The page. Curves of all runs share a chart; samples, evaluation, figures, incidents, configuration and log
// follow run by run. It loads nothing (its Content-Security-Policy forbids it), every text of a run is
// escaped, and <html data-report> says "drawn" once the script has drawn every chart.
std::string report_page(std::span<const RunSummary> runs, const PageOrigin& origin);

}  // namespace mebm::report

#pragma once
// The parts of a report's page that belong to runs: HTML of the tables and of one run's section.

#include <span>
#include <string>

#include "report/run_summary.h"

namespace mebm::report {

// "r0": the anchor of a run's section.
std::string run_anchor(std::size_t index);

// One row a run: recipe, state, iterations, last values, time of an iteration.
std::string summary_table(std::span<const RunSummary> runs);

// The published row beside ours, a block for each run that has one; "" where none has.
std::string published_table(std::span<const RunSummary> runs);

// Samples, evaluation, figures, incidents, notes, machine, configuration and log of one run.
std::string run_section(const RunSummary& run, std::size_t index);

}  // namespace mebm::report

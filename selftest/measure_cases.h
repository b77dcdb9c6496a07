#pragma once
// The cases timed instead of compared, at the shapes of the recipes, on a device or on the CPU.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/device/context.h"
#include "measure/ceilings.h"
#include "selftest/case.h"

namespace mebm::selftest {

struct MeasureOptions {
  engine::ContextOptions context;
  Precision precision = Precision::fp32;  // as the context has it
  std::string only = {};                  // run only what has this in its op's name
  double seconds = 0.05;                  // to spend on each, about; two calls at least
};

struct Measured {
  std::string op, shape, type;
  double seconds = 0;                 // of one call, the median
  std::optional<measure::Rate> rate;  // absent where a rate would say nothing
  std::string failure = {};           // what the op threw; empty: it ran
};

struct MeasureReport {
  std::string device;
  measure::Ceilings ceilings;  // copy, and products in the one precision
  std::vector<Measured> rows;
};

// What is timed under these options, in order. Cases hold their inputs; take what is needed and let go.
void for_each_measured_case(const MeasureOptions& options, const std::function<void(const Case&)>& visit);

// Copies, and products in the context's type.
measure::Ceilings measure_ceilings(engine::Context& context, Precision precision);

// The case, made ready in the context, handed to `time` with what to time.
void with_work(engine::Context& context, const Case& one,
               const std::function<void(const std::function<void()>&)>& time);

// Throws InputError where there is no such device or no op of that name. `progress` hears every row as it is
// there.
MeasureReport measure_cases(const MeasureOptions& options,
                            const std::function<void(const MeasureReport&, const Measured&)>& progress = {});

}  // namespace mebm::selftest

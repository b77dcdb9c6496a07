#pragma once
// One case on both sides, compared.

#include "engine/device/context.h"
#include "selftest/case.h"
#include "selftest/selftest.h"

namespace mebm::selftest {

struct Contexts {
  engine::Context &device, &cpu;
  bool timed = false;  // a GPU, not the emulator
  measure::Ceilings ceilings = {};
};

// The ceiling of products in this type.
const std::optional<double>& gemm_ceiling(const measure::Ceilings& ceilings, Precision precision);

// Never throws for a case: what went wrong is the result's failure.
Result run_case(const Contexts& contexts, const Case& one, Precision precision, const Options& options);

}  // namespace mebm::selftest

#pragma once
// One case on both sides, compared.

#include "engine/device/context.h"
#include "selftest/case.h"
#include "selftest/selftest.h"

namespace mebm::selftest {

struct Contexts {
  engine::Context &device, &cpu;
  bool timed = false;  // a GPU, not the emulator
  Ceilings ceilings = {};
};

// Never throws for a case: what went wrong is the result's failure.
Result run_case(const Contexts& contexts, const Case& one, Precision precision, const Options& options);

}  // namespace mebm::selftest

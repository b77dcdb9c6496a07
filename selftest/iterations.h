#pragma once
// Ten training iterations (four of a quick selftest) of a small M-JEM on both sides, and two runs of the
// device.

#include <functional>
#include <vector>

#include "selftest/selftest.h"

namespace mebm::selftest {

// Hands every result to `found`.
void run_iterations(const Options& options, const std::function<void(const Result&)>& found);

}  // namespace mebm::selftest

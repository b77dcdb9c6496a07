#pragma once
// Times by the host's clock, of work that a device may still be doing when a call returns.

#include <functional>
#include <span>
#include <vector>

#include "engine/device/context.h"

namespace mebm::measure {

// Seconds that `work` takes, until the device has done it.
double seconds_taken(engine::Context& context, const std::function<void()>& work);

struct Effort {
  double stretch = 4e-3;  // seconds of calls timed together: long enough for the clock and a launch's start
  int stretches = 5;      // at most so many, each of at least one call
  double seconds = 1;     // and none after so long, but always two
};

// Seconds of one call of `work` in each stretch, after a first call that makes plans and memory.
std::vector<double> seconds_of_calls(engine::Context& context, const std::function<void()>& work,
                                     const Effort& effort);

// The median of five stretches.
double seconds_of(engine::Context& context, const std::function<void()>& work);

double median(std::span<const double> values);  // of at least one value

}  // namespace mebm::measure

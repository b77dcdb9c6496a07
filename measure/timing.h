#pragma once
// Times by the host's clock, of work that a device may still be doing when a call returns.

#include <functional>
#include <span>
#include <vector>

#include "engine/device/context.h"

namespace mebm::measure {

// Seconds that `work` takes, until the device has done it.
double seconds_taken(engine::Context& context, const std::function<void()>& work);

// Seconds of one call at its best: the smallest of several stretches of calls, each of at least `stretch`
// seconds or one call, after a first call that makes plans and memory.
double best_seconds(engine::Context& context, const std::function<void()>& work, double stretch,
                    int stretches);

double median(std::span<const double> values);  // of at least one value

}  // namespace mebm::measure

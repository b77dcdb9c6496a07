#pragma once
// The counters of a stream (DeviceExec), zeroed by a kernel: the first that a device runs, so that one that
// does not run this build's kernels says so here.

#include "kernels/compat/status.h"
#include "kernels/core/device_exec.h"

namespace mebm::kernels::counters::device {

// exec.counters[0 ... kCounters) = 0.
Status clear(const DeviceExec& exec);

}  // namespace mebm::kernels::counters::device

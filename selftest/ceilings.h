#pragma once
// The device's ceilings, and times of single ops.

#include <functional>

#include "engine/device/context.h"
#include "selftest/selftest.h"
#include "selftest/values.h"

namespace mebm::selftest {

// Seconds of one call of `work` on the device: the median of several synchronised stretches of calls by the
// host's clock, after a first call that makes plans and memory.
double seconds_of(engine::Context& context, const std::function<void()>& work);

// GB/s of a copy of 256 MiB, read and written.
double copy_ceiling(engine::Context& context);
// TFLOP/s of a 1x1 convolution over many pixels, which is one large matrix product in the context's type.
double gemm_ceiling(engine::Context& context);

}  // namespace mebm::selftest

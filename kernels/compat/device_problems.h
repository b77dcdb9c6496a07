#pragma once
// Why a machine's driver or device cannot be used, in words; the same for every implementation of runtime.h.

#include <string>

#include "kernels/compat/runtime.h"

namespace mebm::kernels::runtime {

enum class DriverFailure { none, stub_library, too_old, no_device, other };

// Versions as in DeviceProperties; driver 0: there is none. `words`: what the runtime itself says.
std::string driver_problem(DriverFailure failure, int driver_version, int runtime_version,
                           const std::string& words);

// Empty, or that the device is older than any this build has kernels for.
std::string capability_problem(const DeviceProperties& properties);

// What to do about a device that does not run this build's kernels, though it is new enough for them.
std::string kernels_remedy(const DeviceProperties& properties);

}  // namespace mebm::kernels::runtime

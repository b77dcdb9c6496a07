#pragma once
// cuRAND's own device functions beside ours: its Philox gives the same integers, its normals are the peer in
// speed. Header code alone, so nothing links libcurand. No op of ours; where the toolkit has no such headers,
// and in the emulator, there is a stub (no_curand.cpp).

#include <cstdint>

#include "kernels/core/device_exec.h"

namespace mebm::kernels::peers {

// Whether this build has them; without, the launchers fail.
bool has_curand();

// For each of n rows of inputs[n][6] (key low word, key high word, counter words 0 ... 3) the four words of
// Philox4x32-10 by cuRAND in theirs[n][4] and by philox4x32_10() in ours[n][4].
Status curand_philox(const DeviceExec& exec, std::int64_t n, const std::uint32_t* inputs, std::uint32_t* ours,
                     std::uint32_t* theirs);

// n standard normals by cuRAND's Philox4x32-10 and its Box-Muller, used as its manual says: a state per
// thread, four values at a time, thread t draws from subsequence t. Which values there are depends on the
// device.
Status curand_normal(const DeviceExec& exec, std::int64_t n, std::uint64_t seed, float* out);

}  // namespace mebm::kernels::peers

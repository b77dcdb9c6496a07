#pragma once
// Other libraries' device code, to compare the engine's with. On a device only; no training uses it.

#include <cstdint>

#include "engine/device/context.h"

namespace mebm::engine::ops {

// Whether this build has cuRAND's device functions; the others throw Error without them.
bool has_curand();

// inputs int32 [N,6]: key low and high word, counter words 0 ... 3. The four words of Philox4x32-10 for each,
// by the engine's function in ours and by cuRAND's in theirs, int32 [N,4].
void curand_philox(Context& context, const Tensor& inputs, Tensor& ours, Tensor& theirs);

// out (fp32) = standard normals of cuRAND's Philox4x32-10; which depends on the device.
void curand_normal(Context& context, std::uint64_t seed, Tensor& out);

}  // namespace mebm::engine::ops

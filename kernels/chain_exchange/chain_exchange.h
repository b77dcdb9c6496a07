#pragma once
// Chains out of the replay buffer and back, on a device.

#include <cstdint>

#include "kernels/core/device_exec.h"

namespace mebm::kernels::chain_exchange::device {

// Chain j of a batch: its buffer row, and whether it starts from its draw of p0 instead.
struct Chain {
  std::uint32_t row;
  std::uint32_t restarted;
};

// out[j] = restarted ? clamp(fresh[j], -bound, bound) : buffer[row]; bound 0: no clamp.
// chains in device memory; buffer [size][elements]; fresh, out [count][elements].
template <typename Real>
Status draw(const DeviceExec& exec, std::int64_t count, std::int64_t elements, double bound,
            const Chain* chains, std::int64_t size, const Real* buffer, const Real* fresh, Real* out);

// buffer[row of j] = states[j]; ages[row] = (restarted ? 0 : ages[row]) + steps. Rows are distinct.
// Null ages: not kept here.
template <typename Real>
Status write_back(const DeviceExec& exec, std::int64_t count, std::int64_t elements, std::int32_t steps,
                  const Chain* chains, std::int64_t size, const Real* states, Real* buffer,
                  std::int32_t* ages);

}  // namespace mebm::kernels::chain_exchange::device

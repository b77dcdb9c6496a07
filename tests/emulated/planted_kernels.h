#pragma once
// Kernels with one fault each, to prove that the emulator notices.

#include "kernels/core/device_exec.h"

namespace mebm::test::planted {

enum class Fault { none, missing_barrier, early_return, shuffle_in_branch, past_the_end, undeclared_write };

// out[b] = sum of block b's 256 values of x, by shuffles and one barrier; blocks of 256.
kernels::Status block_sums(const kernels::DeviceExec& exec, Fault fault, int blocks, const float* x,
                           float* out);

}  // namespace mebm::test::planted

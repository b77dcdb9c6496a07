#pragma once
// Finds a convolution's fastest plan by running what the heuristics offer.

#include "kernels/core/device_exec.h"
#include "kernels/cudnn/convolution_plan.h"

namespace mebm::kernels::cudnn {

// Every candidate runs on random values of its own memory, several times in a captured graph; the smallest
// median wins, the earlier candidate on a tie. Candidates that do not run, or want more than 1 GiB of
// workspace, are left out. The stream must not be captured.
Status find_fastest(cudnnHandle_t handle, const DeviceExec& exec, const Convolution& convolution,
                    BuiltPlan& fastest);

}  // namespace mebm::kernels::cudnn

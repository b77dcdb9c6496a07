#pragma once
// Where tests of the CUDA backend run.

#include "kernels/core/device_exec.h"

namespace mebm::test {

// Empty, or why no GPU can be used; such tests skip with it.
std::string missing_device();
// Device 0 and a stream of its own, on which tests/emulated/device_array.h copies too; needs a device.
kernels::DeviceExec cuda_exec();

}  // namespace mebm::test

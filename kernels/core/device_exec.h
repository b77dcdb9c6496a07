#pragma once
// What every device launcher needs to know about where it runs.

#include "kernels/compat/runtime.h"

namespace mebm::kernels {

struct DeviceExec {
  runtime::Stream* stream = nullptr;
  int multiprocessors = 1;  // sizes the grids of kernels that loop over their work
};

}  // namespace mebm::kernels

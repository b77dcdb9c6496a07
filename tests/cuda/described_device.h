#pragma once
// A GPU described to cuDNN, so that a machine without one can ask which plans it would get.

#include <string>

#include "kernels/cudnn/backend.h"

namespace mebm::test {

// name: "H100" or "H200". Its status is a failure where cuDNN takes no descriptions.
kernels::cudnn::Descriptor described_device(const std::string& name);

}  // namespace mebm::test

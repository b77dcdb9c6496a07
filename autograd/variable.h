#pragma once
// What the tape works with: values that may want a gradient, and named parameters.

#include <string>

#include "engine/core/tensor.h"

namespace mebm::autograd {

// A value and, where its gradient is wanted, its slot on the tape. The value lives as long as this handle or
// a node that saved it; the tape itself holds no values.
struct Variable {
  static constexpr int kNoSlot = -1;

  engine::Tensor value;
  int slot = kNoSlot;

  bool needs_gradient() const { return slot != kNoSlot; }
};

// A trainable tensor, plain layout. `gradient` is allocated once, by the optimiser or the first backward that
// reaches it; it is meaningful only while `reached`: the first contribution after zero_gradients() overwrites
// it, the others add.
struct Parameter {
  std::string name;
  engine::Tensor value;
  engine::Tensor gradient;
  bool reached = false;
};

}  // namespace mebm::autograd

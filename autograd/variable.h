#pragma once
// What the tape works with: values that may want a gradient, and named parameters.

#include <optional>
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
  engine::Tensor gradient = {};
  bool reached = false;
  // Reached, with a gradient known to be exactly zero: `gradient` is not written and must not be read.
  bool zero_gradient = false;

  // What the gradient is stored as: the value's type unless set.
  std::optional<engine::DType> gradient_type = {};

  bool has_gradient() const { return reached && !zero_gradient; }
  engine::DType type_of_gradient() const { return gradient_type.value_or(value.dtype()); }
};

}  // namespace mebm::autograd

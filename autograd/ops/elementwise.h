#pragma once
// Arithmetic on variables of any shape, rows of a batch, sums. All of these can be differentiated twice.

#include "autograd/tape.h"

namespace mebm::autograd {

Variable add(Tape& tape, const Variable& a, const Variable& b);
Variable scale(Tape& tape, const Variable& a, double factor);
Variable multiply(Tape& tape, const Variable& a, const Variable& b);
Variable subtract(Tape& tape, const Variable& a, const Variable& b);
// Sum and mean over all elements, shape [1] (plain layout).
Variable sum(Tape& tape, const Variable& a);
Variable mean(Tape& tape, const Variable& a);
// A one-element variable repeated to `shape`: the adjoint of sum.
Variable expand(Tape& tape, const Variable& a, const engine::Shape& shape);
// Rows begin ... begin + count - 1, and the adjoint: zeros of `rows` rows with `a` at `begin`.
Variable rows(Tape& tape, const Variable& a, std::int64_t begin, std::int64_t count);
Variable place_rows(Tape& tape, const Variable& a, std::int64_t begin, std::int64_t rows);
// The same values as one dimension, and back to `shape`.
Variable flatten(Tape& tape, const Variable& a);
Variable reshape(Tape& tape, const Variable& a, const engine::Shape& shape);
// z = x > 0 ? x : leak x
Variable leaky_relu(Tape& tape, const Variable& x, double leak);
// dz (x > 0 ? 1 : leak), linear in dz; x counts as a constant (its derivative is 0 almost everywhere).
Variable leaky_relu_slope(Tape& tape, const Variable& x, const Variable& dz, double leak);

}  // namespace mebm::autograd

#pragma once
// The training objective (SPEC section 6):
//   L = mean E+ - mean E- + alpha R  (+ weight * cross-entropy of the labelled batch)
// R: paper     mean(E+^2) + mean(E-^2)
//    reference mean(E+^2) + (mean E-)^2
//    means     (mean E+)^2 + (mean E-)^2

#include <string_view>

#include "autograd/tape.h"

namespace mebm::ebm {

enum class L2Form { paper, reference, means };

// "paper" | "reference" | "means"; throws InputError otherwise.
L2Form parse_l2_form(std::string_view text);

// L without the cross-entropy, shape [1]; energies [N+], [N-]. alpha = 0 adds nothing to the graph.
autograd::Variable energy_loss(autograd::Tape& tape, const autograd::Variable& positive,
                               const autograd::Variable& negative, double alpha, L2Form form);

}  // namespace mebm::ebm

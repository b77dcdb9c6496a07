#include "ebm/objective.h"

#include "autograd/ops/elementwise.h"

namespace mebm::ebm {

using autograd::Variable;

namespace {

Variable mean_of_squares(autograd::Tape& tape, const Variable& energies) {
  return autograd::mean(tape, autograd::multiply(tape, energies, energies));
}

Variable square_of_mean(autograd::Tape& tape, const Variable& energies) {
  const Variable mean = autograd::mean(tape, energies);
  return autograd::multiply(tape, mean, mean);
}

}  // namespace

L2Form parse_l2_form(std::string_view text) {
  if (text == "paper") return L2Form::paper;
  if (text == "reference") return L2Form::reference;
  if (text == "means") return L2Form::means;
  engine::fail_input("objective.l2_form '{}' is unknown; known: paper, reference, means", text);
}

Variable energy_loss(autograd::Tape& tape, const Variable& positive, const Variable& negative, double alpha,
                     L2Form form) {
  const Variable contrast =
      autograd::subtract(tape, autograd::mean(tape, positive), autograd::mean(tape, negative));
  if (alpha == 0) return contrast;
  const Variable r_positive =
      form == L2Form::means ? square_of_mean(tape, positive) : mean_of_squares(tape, positive);
  const Variable r_negative =
      form == L2Form::paper ? mean_of_squares(tape, negative) : square_of_mean(tape, negative);
  return autograd::add(tape, contrast,
                       autograd::scale(tape, autograd::add(tape, r_positive, r_negative), alpha));
}

}  // namespace mebm::ebm

#include "models/energy_model.h"

namespace mebm::models {

EnergyKind parse_energy_kind(std::string_view text) {
  if (text == "head") return EnergyKind::head;
  if (text == "logsumexp") return EnergyKind::logsumexp;
  if (text == "class") return EnergyKind::class_logit;
  engine::fail_input("energy '{}' is unknown; known: head, logsumexp, class", text);
}

std::string_view name_of(EnergyKind kind) {
  switch (kind) {
    case EnergyKind::head:
      return "head";
    case EnergyKind::logsumexp:
      return "logsumexp";
    case EnergyKind::class_logit:
      return "class";
  }
  return "?";
}

}  // namespace mebm::models

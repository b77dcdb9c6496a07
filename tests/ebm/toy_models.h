#pragma once
// Energies with known densities, behind the interface the sampler sees.

#include "autograd/ops/elementwise.h"
#include "autograd/ops/layers.h"
#include "engine/ops/elementwise.h"
#include "models/energy_model.h"

namespace mebm::ebm {

class ToyModel : public models::EnergyModel {
 public:
  autograd::Variable features(autograd::Tape& tape, const autograd::Variable& images,
                              const models::Pass&) override {
    const std::int64_t rows = images.value.extent(0);
    return autograd::reshape(tape, images, {rows, images.value.elements() / rows});
  }
  autograd::Variable logits(autograd::Tape&, const autograd::Variable&) override {
    engine::fail_input("a toy energy has no class head");
  }
  std::vector<autograd::Parameter*> parameters() override { return {}; }
  void reserve_statistics(int) override {}
  void fold_statistics(int) override {}

 protected:
  static autograd::Variable constant(autograd::Tape& tape, const engine::Shape& shape,
                                     const std::vector<double>& values) {
    engine::Tensor tensor = tape.context().empty(shape, engine::DType::fp64);
    engine::ops::write(values, tensor);
    return {tensor};
  }
};

// E(x) = x^T P x / 2 in two dimensions; P = [[p00, p01], [p01, p11]]
class QuadraticEnergy final : public ToyModel {
 public:
  explicit QuadraticEnergy(std::vector<double> precision) : precision_(std::move(precision)) {}

  autograd::Variable energy(autograd::Tape& tape, const autograd::Variable& x, models::EnergyKind,
                            const engine::Tensor&) override {
    const autograd::Variable px =
        autograd::linear(tape, x, constant(tape, {2, 2}, precision_), constant(tape, {2}, {0, 0}));
    const autograd::Variable terms = autograd::multiply(tape, x, px);
    return autograd::flatten(
        tape, autograd::linear(tape, terms, constant(tape, {1, 2}, {0.5, 0.5}), constant(tape, {1}, {0})));
  }

 private:
  std::vector<double> precision_;
};

// E(x) = height (x^2 - 1)^2 in one dimension
class DoubleWellEnergy final : public ToyModel {
 public:
  explicit DoubleWellEnergy(double height) : height_(height) {}

  autograd::Variable energy(autograd::Tape& tape, const autograd::Variable& x, models::EnergyKind,
                            const engine::Tensor&) override {
    const std::int64_t rows = x.value.extent(0);
    const autograd::Variable minus_one =
        constant(tape, {rows, 1}, std::vector<double>(static_cast<std::size_t>(rows), -1.0));
    const autograd::Variable depth = autograd::add(tape, autograd::multiply(tape, x, x), minus_one);
    return autograd::flatten(tape, autograd::scale(tape, autograd::multiply(tape, depth, depth), height_));
  }

 private:
  double height_;
};

}  // namespace mebm::ebm

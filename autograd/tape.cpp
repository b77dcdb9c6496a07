#include "autograd/tape.h"

#include <algorithm>

#include "autograd/ops/elementwise.h"
#include "engine/ops/elementwise.h"

namespace mebm::autograd {

using engine::require;
using engine::Tensor;
using engine::WriteMode;

const Variable& Node::saved_variable(std::size_t i) const {
  require(i < saved_count, "{}: value {} was not saved", operation->name, i);
  const Saved& entry = saved[i];
  require(entry.variable.value.version() == entry.version,
          "{}: value {} it saved was changed in place (version {}, now {})", operation->name, i,
          entry.version, entry.variable.value.version());
  return entry.variable;
}

int Tape::new_slot(const Tensor& value, Parameter* parameter) {
  Slot& slot = slots_.emplace_back();
  slot.shape = value.shape();
  slot.dtype = value.dtype();
  slot.layout = value.layout();
  slot.parameter = parameter;
  return static_cast<int>(slots_.size()) - 1;
}

Variable Tape::leaf(Tensor value) {
  Variable variable{std::move(value), Variable::kNoSlot};
  if (recording_) variable.slot = new_slot(variable.value, nullptr);
  return variable;
}

Variable Tape::moving_leaf(Tensor value, const engine::ops::LangevinUpdate& update) {
  require(recording_, "a moving leaf needs a recording tape");
  Variable variable = leaf(std::move(value));
  Slot& slot = slots_[static_cast<std::size_t>(variable.slot)];
  slot.update = &update;
  slot.moving = variable.value;
  return variable;
}

// Whatever no operation moved together with computing its gradient.
void Tape::move_leaves() {
  for (Slot& slot : slots_) {
    if (slot.update == nullptr) continue;
    require(slot.gradient.defined(), "the output does not depend on a leaf that moves with its gradient");
    engine::ops::langevin_step(context_, *slot.update, slot.gradient, slot.moving);
    slot.update = nullptr;
  }
}

Variable Tape::parameter(Parameter& parameter) {
  Variable variable{parameter.value, Variable::kNoSlot};
  if (!recording_ || parameters_frozen_) return variable;
  // One slot however often it is used, so that gradients() sums over all uses.
  const auto known = std::find_if(slots_.begin(), slots_.end(),
                                  [&](const Slot& slot) { return slot.parameter == &parameter; });
  variable.slot = known != slots_.end() ? static_cast<int>(known - slots_.begin())
                                        : new_slot(parameter.value, &parameter);
  return variable;
}

Node* Tape::record(const Operation& operation, std::initializer_list<int> inputs, Variable& output) {
  if (!recording_) return nullptr;
  bool wanted = false;
  for (int slot : inputs) wanted = wanted || slot != Variable::kNoSlot;
  if (!wanted) return nullptr;
  output.slot = new_slot(output.value, nullptr);
  Node& node = nodes_.emplace_back();
  node.operation = &operation;
  node.inputs.fill(Variable::kNoSlot);
  std::size_t i = 0;
  for (int slot : inputs) {
    node.inputs[i++] = slot;
    if (slot != Variable::kNoSlot) ++slots_[static_cast<std::size_t>(slot)].uses;
  }
  node.output = output.slot;
  slots_.back().maker = static_cast<int>(nodes_.size()) - 1;
  return &node;
}

void Tape::save_or_make_again(Node& node, const Variable& variable) {
  const int maker =
      variable.needs_gradient() ? slots_[static_cast<std::size_t>(variable.slot)].maker : Node::kNoMaker;
  const bool again = maker != Node::kNoMaker && !context_.on_device() &&
                     nodes_[static_cast<std::size_t>(maker)].operation->output_again != nullptr;
  if (again)
    node.save_maker(variable, maker);
  else
    node.save(variable);
}

Variable Tape::saved(const Node& node, std::size_t i) const {
  const Variable& variable = node.saved_variable(i);
  const int maker = node.saved[i].maker;
  if (maker == Node::kNoMaker) return variable;
  const Node& made_by = nodes_[static_cast<std::size_t>(maker)];
  return {made_by.operation->output_again(context_, made_by), variable.slot};
}

void Tape::backward(const Variable& output, Tensor seed) {
  require_whole("backward");
  require(output.needs_gradient(), "backward: the output depends on nothing that wants a gradient");
  require(seed.shape() == output.value.shape(), "backward: seed {} does not fit output {}", seed.shape(),
          output.value.shape());
  consumed_ = true;
  slots_[static_cast<std::size_t>(output.slot)].gradient = std::move(seed);
  for (std::size_t i = nodes_.size(); i-- > 0;) {
    Node& node = nodes_[i];
    Tensor& gradient = slots_[static_cast<std::size_t>(node.output)].gradient;
    if (gradient.defined()) {
      BackwardContext backward_context(*this, node);
      node.operation->backward(backward_context);
    }
    gradient.reset();
    node.saved = {};
    node.saved_count = 0;
  }
  engine::ops::join(context_);
  move_leaves();
}

void Tape::backward(const Variable& output) {
  require(output.value.elements() == 1, "backward: output {} needs a seed", output.value.shape());
  Tensor seed = context_.empty(output.value.shape(), output.value.dtype());
  engine::ops::fill(context_, 1, seed);
  backward(output, std::move(seed));
}

Tensor Tape::gradient(const Variable& leaf) const {
  require(leaf.needs_gradient(), "gradient: the variable is a constant");
  return slots_[static_cast<std::size_t>(leaf.slot)].gradient;
}

std::vector<bool> Tape::reachable_from(std::span<const Variable> wrt) const {
  std::vector<bool> wanted(slots_.size(), false);
  for (const Variable& variable : wrt) {
    require(variable.needs_gradient(), "gradients: a variable to differentiate by is a constant");
    wanted[static_cast<std::size_t>(variable.slot)] = true;
  }
  for (const Node& node : nodes_)
    for (int slot : node.inputs)
      if (slot != Variable::kNoSlot && wanted[static_cast<std::size_t>(slot)])
        wanted[static_cast<std::size_t>(node.output)] = true;
  return wanted;
}

std::vector<Variable> Tape::gradients(const Variable& output, const Variable& seed,
                                      std::span<const Variable> wrt) {
  require_whole("gradients");
  require(output.needs_gradient(), "gradients: the output depends on nothing that wants a gradient");
  const std::vector<bool> wanted = reachable_from(wrt);
  std::vector<Variable> gradients(slots_.size());
  gradients[static_cast<std::size_t>(output.slot)] = seed;
  for (std::size_t i = nodes_.size(); i-- > 0;) {
    const Node node = nodes_[i];  // a copy: recording appends to nodes_
    const Variable gradient = gradients[static_cast<std::size_t>(node.output)];
    if (!gradient.value.defined() || !wanted[static_cast<std::size_t>(node.output)]) continue;
    if (node.operation->backward_recorded == nullptr)
      engine::fail("second derivatives through '{}' are not available: its backward cannot be recorded",
                   node.operation->name);
    RecordedBackward recorded(*this, node, gradient, gradients, wanted);
    node.operation->backward_recorded(recorded);
  }
  std::vector<Variable> out;
  for (const Variable& variable : wrt) out.push_back(gradients[static_cast<std::size_t>(variable.slot)]);
  return out;
}

void Tape::clear() {
  nodes_.clear();
  slots_.clear();
  consumed_ = false;
}

void Tape::require_whole(const char* caller) const {
  require(!consumed_, "{}: an earlier backward consumed the tape; clear it and record again", caller);
}

GradTarget BackwardContext::target(std::size_t input) const {
  Tape::Slot& s = slot(node_.inputs[input]);
  if (s.parameter != nullptr) {
    const WriteMode mode = s.parameter->has_gradient() ? WriteMode::accumulate : WriteMode::overwrite;
    s.parameter->reached = true;
    s.parameter->zero_gradient = false;
    if (!s.parameter->gradient.defined())
      s.parameter->gradient =
          Tensor(context().lasting_arena(), s.shape, s.parameter->type_of_gradient(), s.layout);
    return {&s.parameter->gradient, mode};
  }
  if (!s.gradient.defined()) {
    s.gradient = context().empty(s.shape, s.dtype, s.layout);
    return {&s.gradient, WriteMode::overwrite};
  }
  if (!s.gradient.unique()) s.gradient = engine::ops::clone(context(), s.gradient);
  return {&s.gradient, WriteMode::accumulate};
}

void BackwardContext::zero(std::size_t input) const {
  Tape::Slot& s = slot(node_.inputs[input]);
  if (s.parameter != nullptr) {
    s.parameter->zero_gradient = !s.parameter->has_gradient();
    s.parameter->reached = true;
    return;
  }
  if (s.gradient.defined()) return;
  s.gradient = context().empty(s.shape, s.dtype, s.layout);
  engine::ops::fill(context(), 0, s.gradient);
}

void BackwardContext::pass(std::size_t input, const Tensor& gradient) const {
  Tape::Slot& s = slot(node_.inputs[input]);
  require(gradient.shape() == s.shape && gradient.layout() == s.layout,
          "{}: gradient {} does not fit input {}", node_.operation->name, gradient.shape(), s.shape);
  if (s.parameter == nullptr && !s.gradient.defined()) {
    s.gradient = gradient;
    return;
  }
  const GradTarget to = target(input);
  engine::ops::copy(context(), gradient, *to.tensor, to.mode);
}

void RecordedBackward::give(std::size_t input, const Variable& gradient) const {
  Variable& total = gradients_[static_cast<std::size_t>(node_.inputs[input])];
  total = total.value.defined() ? add(tape_, total, gradient) : gradient;
}

}  // namespace mebm::autograd

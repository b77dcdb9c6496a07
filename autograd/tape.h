#pragma once
// Reverse-mode differentiation by a tape: nodes in execution order, backward is a reverse loop over them.
//
// Three switches are independent: recording (does anything go on the tape), parameter freezing (do parameters
// want gradients), and the batch-norm statistics mode, which is an argument of the forward pass. A Langevin
// step records with frozen parameters: it computes dE/dx alone and saves no convolution input.
//
// First-order backward (Tape::backward) works on tensors and writes each gradient into its final place
// (overwrite or accumulate). Second derivatives go through Tape::gradients, which records the backward pass
// itself as operations; an operation that cannot be recorded yet throws and names itself.

#include <array>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <span>
#include <type_traits>
#include <vector>

#include "autograd/variable.h"
#include "engine/device/context.h"
#include "engine/ops/sampling.h"

namespace mebm::autograd {

class BackwardContext;
class RecordedBackward;
struct Node;

// The static description of an operation.
struct Operation {
  const char* name;
  void (*backward)(BackwardContext&);
  void (*backward_recorded)(RecordedBackward&);  // null: second derivatives are not available
  // The output once more, the same bits, from what the node saved; null: it has to be kept.
  engine::Tensor (*output_again)(engine::Context&, const Node&) = nullptr;
};

struct Node {
  static constexpr std::size_t kMaxInputs = 4, kMaxSaved = 4, kAttributeBytes = 128;
  static constexpr int kNoMaker = -1;

  struct Saved {
    Variable variable;
    std::uint32_t version = 0;
    int maker = kNoMaker;  // the node that makes the value again; it was not kept
  };

  const Operation* operation = nullptr;
  std::array<int, kMaxInputs> inputs{};  // slots; kNoSlot: no gradient wanted
  int output = Variable::kNoSlot;
  std::array<Saved, kMaxSaved> saved;
  std::size_t saved_count = 0;
  alignas(16) std::array<std::byte, kAttributeBytes> attributes{};

  // Keeps a value for the backward pass; changing it in place before then is an Error.
  void save(const Variable& variable) {
    engine::require(saved_count < kMaxSaved, "{}: saves more than {} values", operation->name, kMaxSaved);
    saved[saved_count++] = {variable, variable.value.version()};
  }
  template <typename T>
  void set(const T& value) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= kAttributeBytes);
    std::memcpy(attributes.data(), &value, sizeof(T));
  }
  template <typename T>
  T get() const {
    T value;
    std::memcpy(&value, attributes.data(), sizeof(T));
    return value;
  }
  const Variable& saved_variable(std::size_t i) const;
  // Instead of save(): only which operation's output it is.
  void save_maker(const Variable& variable, int maker) {
    save({engine::Tensor(), variable.slot});
    saved[saved_count - 1].maker = maker;
  }
};

// Where an operation's backward writes one gradient.
struct GradTarget {
  engine::Tensor* tensor;
  engine::WriteMode mode;
};

class Tape {
 public:
  explicit Tape(engine::Context& context) : context_(context) {}
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  engine::Context& context() const { return context_; }
  void set_recording(bool on) { recording_ = on; }
  bool recording() const { return recording_; }
  void set_parameters_frozen(bool on) { parameters_frozen_ = on; }
  bool parameters_frozen() const { return parameters_frozen_; }

  // A leaf whose gradient is wanted.
  Variable leaf(engine::Tensor value);
  // A leaf that takes a Langevin step with its gradient at the end of backward(), in place; the gradient
  // itself may never be written. `update` is read then.
  Variable moving_leaf(engine::Tensor value, const engine::ops::LangevinUpdate& update);
  // The parameter as a variable: a constant while frozen or not recording. Until clear(), every use of a
  // parameter is the same variable.
  Variable parameter(Parameter& parameter);

  // Puts an operation on the tape and gives `output` a slot; null when nothing is recorded, because recording
  // is off or no input wants a gradient. The pointer is valid until the next call.
  Node* record(const Operation& operation, std::initializer_list<int> inputs, Variable& output);
  // node.save() for a large value: on the CPU, the output of an operation that can make it again is made
  // again when it is wanted and its memory is free until then.
  void save_or_make_again(Node& node, const Variable& variable);

  // Gradients of <seed, output> into leaves and parameters; consumes the tape: until clear(), walking it
  // again is an Error.
  void backward(const Variable& output, engine::Tensor seed);
  // seed = 1 for a one-element output.
  void backward(const Variable& output);
  // After backward: the gradient of a leaf; an undefined tensor if `leaf` was not reached.
  engine::Tensor gradient(const Variable& leaf) const;

  // Gradients of <seed, output> with respect to `wrt` as recorded variables, differentiable again. The tape
  // is kept.
  std::vector<Variable> gradients(const Variable& output, const Variable& seed,
                                  std::span<const Variable> wrt);

  // Forgets everything; capacity is kept, so a steady-state iteration allocates nothing here.
  void clear();
  std::size_t size() const { return nodes_.size(); }

 private:
  friend class BackwardContext;
  friend class RecordedBackward;

  struct Slot {
    engine::Shape shape;
    engine::DType dtype = engine::DType::fp32;
    engine::Layout layout = engine::Layout::plain;
    engine::Tensor gradient;
    Parameter* parameter = nullptr;
    int uses = 0;                // as inputs of recorded operations
    int maker = Node::kNoMaker;  // whose output it is
    // Of a moving leaf that has not moved yet.
    const engine::ops::LangevinUpdate* update = nullptr;
    engine::Tensor moving;
  };

  // What a node saved, made again where it was not kept.
  Variable saved(const Node& node, std::size_t i) const;
  void move_leaves();

  void require_whole(const char* caller) const;
  int new_slot(const engine::Tensor& value, Parameter* parameter);
  std::vector<bool> reachable_from(std::span<const Variable> wrt) const;

  engine::Context& context_;
  std::vector<Node> nodes_;
  std::vector<Slot> slots_;
  bool recording_ = true, parameters_frozen_ = false, consumed_ = false;
};

// Records nothing while alive (evaluation).
class NoRecording {
 public:
  explicit NoRecording(Tape& tape) : tape_(tape), before_(tape.recording()) { tape.set_recording(false); }
  ~NoRecording() { tape_.set_recording(before_); }
  NoRecording(const NoRecording&) = delete;
  NoRecording& operator=(const NoRecording&) = delete;

 private:
  Tape& tape_;
  bool before_;
};

// Parameters are constants while alive.
class FrozenParameters {
 public:
  explicit FrozenParameters(Tape& tape) : tape_(tape), before_(tape.parameters_frozen()) {
    tape.set_parameters_frozen(true);
  }
  ~FrozenParameters() { tape_.set_parameters_frozen(before_); }
  FrozenParameters(const FrozenParameters&) = delete;
  FrozenParameters& operator=(const FrozenParameters&) = delete;

 private:
  Tape& tape_;
  bool before_;
};

// What an operation's backward sees.
class BackwardContext {
 public:
  BackwardContext(Tape& tape, const Node& node) : tape_(tape), node_(node) {}

  engine::Context& context() const { return tape_.context_; }
  const engine::Tensor& gradient() const { return slot(node_.output).gradient; }  // of the output
  bool needs(std::size_t input) const { return node_.inputs[input] != Variable::kNoSlot; }
  engine::Tensor saved(std::size_t i) const { return tape_.saved(node_, i).value; }
  template <typename T>
  T attributes() const {
    return node_.get<T>();
  }
  // The place for an input's gradient, allocated if it is the first contribution. Call once per needed input.
  GradTarget target(std::size_t input) const;
  // An input's gradient is exactly zero: a parameter is marked reached and its gradient left unwritten.
  void zero(std::size_t input) const;
  // Hands over a finished gradient: shared where it is the first contribution, else added.
  void pass(std::size_t input, const engine::Tensor& gradient) const;
  // Lets `step` apply an input's Langevin update together with its gradient. False: the input is no moving
  // leaf of this operation alone, or `step` (update, leaf) returned false; nothing was done.
  template <typename Step>
  bool move(std::size_t input, const Step& step) const {
    Tape::Slot& s = slot(node_.inputs[input]);
    if (s.update == nullptr || s.uses != 1 || !step(*s.update, s.moving)) return false;
    s.update = nullptr;
    return true;
  }
  // Shape of an input's gradient.
  const engine::Shape& shape(std::size_t input) const { return slot(node_.inputs[input]).shape; }

 private:
  Tape::Slot& slot(int index) const { return tape_.slots_[static_cast<std::size_t>(index)]; }

  Tape& tape_;
  const Node& node_;
};

// What an operation's recorded backward sees: variables in, variables out.
class RecordedBackward {
 public:
  RecordedBackward(Tape& tape, const Node& node, const Variable& gradient, std::vector<Variable>& gradients,
                   const std::vector<bool>& wanted)
      : tape_(tape), node_(node), gradient_(gradient), gradients_(gradients), wanted_(wanted) {}

  Tape& tape() const { return tape_; }
  const Variable& gradient() const { return gradient_; }
  bool needs(std::size_t input) const {
    const int slot = node_.inputs[input];
    return slot != Variable::kNoSlot && wanted_[static_cast<std::size_t>(slot)];
  }
  Variable saved(std::size_t i) const { return tape_.saved(node_, i); }
  template <typename T>
  T attributes() const {
    return node_.get<T>();
  }
  void give(std::size_t input, const Variable& gradient) const;

 private:
  Tape& tape_;
  const Node& node_;
  const Variable& gradient_;
  std::vector<Variable>& gradients_;
  const std::vector<bool>& wanted_;
};

}  // namespace mebm::autograd

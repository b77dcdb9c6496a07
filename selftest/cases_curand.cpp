// Philox4x32-10 by cuRAND's device code, by ours on the device, and by the host: the same integers.

#include <array>

#include "engine/ops/peers.h"
#include "selftest/case.h"

namespace mebm::selftest {

using engine::Tensor;
namespace ops = engine::ops;

namespace {

constexpr std::size_t kInputs = 6, kWords = 4;

// Rows of key low, key high and four counter words: every pattern of edges in one word, then random ones.
std::vector<std::int32_t> inputs_of(Generator& random, std::int64_t rows) {
  constexpr std::array<std::uint32_t, 5> kEdges = {0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF};
  std::vector<std::int32_t> inputs;
  for (const std::uint32_t rest : kEdges)
    for (const std::uint32_t edge : kEdges)
      for (std::size_t at = 0; at < kInputs; ++at)
        for (std::size_t k = 0; k < kInputs; ++k)
          inputs.push_back(static_cast<std::int32_t>(k == at ? edge : rest));
  while (inputs.size() < kInputs * static_cast<std::size_t>(rows))
    inputs.push_back(static_cast<std::int32_t>(random.integer(0, 0xFFFF) << 16 | random.integer(0, 0xFFFF)));
  return inputs;
}

// Words as pairs of halves, which fp32 holds exactly.
Values halves(const std::vector<std::uint32_t>& words) {
  Values values;
  for (const std::uint32_t word : words) {
    values.push_back(word >> 16);
    values.push_back(word & 0xFFFF);
  }
  return values;
}

std::vector<std::uint32_t> host_words(const std::vector<std::int32_t>& inputs) {
  std::vector<std::uint32_t> words;
  for (std::size_t row = 0; row < inputs.size(); row += kInputs) {
    const auto in = [&](std::size_t k) { return static_cast<std::uint32_t>(inputs[row + k]); };
    engine::PhiloxKey key;
    key.low = in(0);
    key.high = in(1);
    for (const std::uint32_t word : engine::philox4x32_10(key, in(2), in(3), in(4), in(5)).word)
      words.push_back(word);
  }
  return words;
}

std::vector<std::uint32_t> words_of(const Tensor& tensor) {
  std::vector<std::uint32_t> words(static_cast<std::size_t>(tensor.elements()));
  tensor.memory().read(words.data(), tensor.data(), words.size() * sizeof(words[0]));
  return words;
}

// The same number of normals by cuRAND, to be timed beside ours.
void curand_normals(Sweep& sweep, const engine::Shape& shape) {
  const auto build = [shape](const Side& side, Work& work) {
    Tensor& out = work.output("normals", Grade::real, side.context().empty(shape, side.real()));
    work.run = [&out, &context = side.context()] { ops::curand_normal(context, 1, out); };
  };
  sweep.add({.op = "normals, cuRAND",
             .shape = text(shape),
             .build = build,
             .bytes = 4 * static_cast<double>(shape.elements()),
             .device_only = true,
             .only_timed = true});
}

}  // namespace

void curand_cases(Sweep& sweep) {
  if (!engine::ops::has_curand()) return;
  if (sweep.recipes()) return curand_normals(sweep, {64, 3, 32, 32});
  const std::int64_t rows = sweep.random().integer(1000, 4000);
  const std::vector<std::int32_t> inputs = inputs_of(sweep.random(), rows);
  const auto build = [=](const Side& side, Work& work) {
    engine::Context& context = side.context();
    const engine::Shape shape{rows, 2 * kWords};
    Tensor& ours = work.output("ours", Grade::exact, context.empty(shape, side.real()));
    Tensor& theirs = work.output("cuRAND", Grade::exact, context.empty(shape, side.real()));
    work.run = [=, &ours, &theirs, &context, in = side.integers({rows, kInputs}, inputs)] {
      if (!context.on_device()) {
        put(halves(host_words(inputs)), ours);
        put(halves(host_words(inputs)), theirs);
        return;
      }
      Tensor our_words = context.empty({rows, kWords}, engine::DType::int32);
      Tensor their_words = context.empty({rows, kWords}, engine::DType::int32);
      ops::curand_philox(context, in, our_words, their_words);
      put(halves(words_of(our_words)), ours);
      put(halves(words_of(their_words)), theirs);
    };
  };
  sweep.add({.op = "philox cuRAND", .shape = fmt::format("{}", rows), .build = build});
}

}  // namespace mebm::selftest

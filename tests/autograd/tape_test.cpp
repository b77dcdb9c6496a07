// The tape: recording, freezing, parameters' overwrite-or-accumulate, versions, errors.

#include "autograd/tape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/layers.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/normalization.h"
#include "tests/autograd/gradient_check.h"

namespace mebm::autograd {
namespace {

using engine::DType;
using engine::Error;
using engine::Tensor;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

Parameter make_parameter(engine::Context& context, const engine::Shape& shape, std::uint32_t seed) {
  Parameter p{"p", random_tensor(context, shape, seed), context.empty(shape, DType::fp64), false};
  engine::ops::fill(context, NAN, p.gradient);
  return p;
}

TEST(Tape, FirstContributionOverwritesAParameterGradientLaterOnesAdd) {
  engine::Context context;
  Parameter w = make_parameter(context, {2, 3, 3, 3}, 1), b = make_parameter(context, {2}, 2);
  const Tensor x = random_tensor(context, {2, 3, 4, 4}, 3);
  const auto pass = [&] {
    Tape tape(context);
    const Variable y = convolution(tape, {x}, tape.parameter(w), tape.parameter(b), {1, 1}, {});
    tape.backward(sum(tape, y));
    return std::pair(read_tensor(w.gradient), read_tensor(b.gradient));
  };
  const auto once = pass();
  for (double v : once.first) EXPECT_TRUE(std::isfinite(v));
  for (double v : once.second) EXPECT_EQ(v, 2 * 16);
  EXPECT_TRUE(w.reached && b.reached);
  const auto twice = pass();
  for (std::size_t i = 0; i < twice.first.size(); ++i) EXPECT_NEAR(twice.first[i], 2 * once.first[i], 1e-12);
  for (double v : twice.second) EXPECT_EQ(v, 4 * 16);
  w.reached = b.reached = false;
  EXPECT_EQ(pass(), once);
}

// A bias whose gradient cancels is reached and left unwritten; a use that computes one starts from zero, in
// either order.
TEST(Tape, ACancellingBiasGradientIsZeroWithoutBeingWritten) {
  engine::Context context;
  Parameter w = make_parameter(context, {2, 3, 3, 3}, 1), b = make_parameter(context, {2}, 2);
  const Tensor x = random_tensor(context, {2, 3, 4, 4}, 3);
  const auto pass = [&](std::initializer_list<BiasGradient> uses) {
    w.reached = b.reached = b.zero_gradient = false;
    Tape tape(context);
    Variable total;
    for (const BiasGradient use : uses) {
      const Variable y =
          sum(tape, convolution(tape, {x}, tape.parameter(w), tape.parameter(b), {1, 1}, {}, use));
      total = total.value.defined() ? add(tape, total, y) : y;
    }
    tape.backward(total);
  };
  pass({BiasGradient::cancels});
  EXPECT_TRUE(w.has_gradient());
  EXPECT_TRUE(b.reached && b.zero_gradient && !b.has_gradient());
  EXPECT_TRUE(std::isnan(read_tensor(b.gradient)[0])) << "written";
  for (const auto& uses : {std::initializer_list<BiasGradient>{BiasGradient::cancels, BiasGradient::computed},
                           {BiasGradient::computed, BiasGradient::cancels}}) {
    pass(uses);
    EXPECT_TRUE(b.has_gradient());
    EXPECT_EQ(read_tensor(b.gradient), (Values{32, 32}));
  }
}

// One parameter used twice in one pass.
TEST(Tape, SharedParametersAccumulate) {
  engine::Context context;
  Parameter w = make_parameter(context, {3}, 1);
  Tape tape(context);
  const Variable a = tape.parameter(w), b = tape.parameter(w);
  tape.backward(sum(tape, add(tape, scale(tape, a, 2), scale(tape, b, 3))));
  EXPECT_EQ(read_tensor(w.gradient), (Values{5, 5, 5}));
}

// The same through gradients(), whichever of its handles is asked about: d/dw sum (2 w) (3 w) = 12 w.
TEST(Tape, GradientsOfASharedParameterSumOverItsUses) {
  engine::Context context;
  Parameter w{"w", make_tensor(context, {2}, {0.5, -2})};
  Tape tape(context);
  const Variable a = tape.parameter(w), b = tape.parameter(w);
  const Variable y = sum(tape, multiply(tape, scale(tape, a, 2), scale(tape, b, 3)));
  const Variable one{make_tensor(context, {1}, {1})}, wrt[] = {a, b, tape.parameter(w)};
  for (const Variable& gradient : tape.gradients(y, one, wrt))
    EXPECT_EQ(read_tensor(gradient.value), (Values{6, -24}));
  tape.backward(y);
  EXPECT_EQ(read_tensor(w.gradient), (Values{6, -24}));
}

TEST(Tape, AnUnreachedParameterIsLeftAlone) {
  engine::Context context;
  Parameter used = make_parameter(context, {2}, 1), unused = make_parameter(context, {2}, 2);
  Tape tape(context);
  const Variable a = tape.parameter(used), b = tape.parameter(unused);
  scale(tape, b, 2);
  tape.backward(sum(tape, a));
  EXPECT_TRUE(used.reached);
  EXPECT_FALSE(unused.reached);
  EXPECT_TRUE(std::isnan(read_tensor(unused.gradient)[0]));
}

// Frozen parameters want no gradient, and the convolution keeps no input: its memory is free once the caller
// lets go.
TEST(Tape, FreezingComputesNoWeightGradientAndSavesNoConvolutionInput) {
  engine::Context context;
  Parameter w = make_parameter(context, {4, 3, 3, 3}, 1), b = make_parameter(context, {4}, 2);
  const std::size_t x_bytes = 2 * 3 * 16 * 16 * sizeof(double);
  const auto bytes_held_for_x = [&](bool frozen) {
    w.reached = b.reached = false;
    Tape tape(context);
    tape.set_parameters_frozen(frozen);
    const Variable leaf = tape.leaf(random_tensor(context, {2, 3, 16, 16}, 3));
    Variable x = scale(tape, leaf, 2);  // scale saves nothing: only the convolution could hold x
    const Variable y = convolution(tape, x, tape.parameter(w), tape.parameter(b), {1, 1}, {});
    const std::size_t before = context.arena().bytes_in_use();
    x.value.reset();
    const std::size_t freed = before - context.arena().bytes_in_use();
    tape.backward(y, random_tensor(context, y.value.shape(), 4));
    EXPECT_TRUE(tape.gradient(leaf).defined());
    EXPECT_EQ(w.reached, !frozen);
    EXPECT_EQ(b.reached, !frozen);
    return x_bytes - freed;
  };
  EXPECT_EQ(bytes_held_for_x(true), 0u);
  EXPECT_EQ(bytes_held_for_x(false), x_bytes);
}

TEST(Tape, RecordsNothingWhenNothingWantsAGradient) {
  engine::Context context;
  Tape tape(context);
  const Variable constant{random_tensor(context, {3}, 1)};
  EXPECT_FALSE(multiply(tape, constant, constant).needs_gradient());
  EXPECT_EQ(tape.size(), 0u);
  const Variable leaf = tape.leaf(random_tensor(context, {3}, 2));
  {
    const NoRecording quiet(tape);
    EXPECT_FALSE(multiply(tape, leaf, constant).needs_gradient());
    EXPECT_FALSE(tape.leaf(constant.value).needs_gradient());
  }
  EXPECT_EQ(tape.size(), 0u);
  EXPECT_TRUE(multiply(tape, leaf, constant).needs_gradient());
  EXPECT_EQ(tape.size(), 1u);
  tape.clear();
  EXPECT_EQ(tape.size(), 0u);
}

// Every way of changing a tensor in place raises its version.
TEST(Tape, InPlaceChangesOfSavedValuesAreErrors) {
  engine::Context context;
  const Tensor other = random_tensor(context, {3}, 9);
  const std::vector<std::function<void(Tensor&)>> changes{
      [&](Tensor& t) { engine::ops::fill(context, 0, t); },
      [&](Tensor& t) { engine::ops::axpby(context, 1, other, 1, t); },
      [&](Tensor& t) { engine::ops::copy(context, other, t, engine::WriteMode::overwrite); },
      [&](Tensor& t) { engine::ops::multiply(context, 1, other, other, t, engine::WriteMode::accumulate); },
      [&](Tensor& t) {
        Tensor row = t.rows(1, 1);
        engine::ops::fill(context, 0, row);
      }};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    Tape tape(context);
    Variable x = tape.leaf(random_tensor(context, {3}, 1));
    const Variable y = sum(tape, multiply(tape, x, x));
    changes[i](x.value);
    EXPECT_THAT([&] { tape.backward(y); }, ThrowsMessage<Error>(HasSubstr("it saved was changed in place")))
        << "change " << i;
  }
}

TEST(Tape, BackwardConsumesTheTape) {
  engine::Context context;
  Tape tape(context);
  const Variable x = tape.leaf(random_tensor(context, {3}, 1));
  const Variable y = sum(tape, multiply(tape, x, x));
  tape.backward(y);
  EXPECT_THAT([&] { tape.backward(y); },
              ThrowsMessage<Error>(HasSubstr("earlier backward consumed the tape")));
  tape.clear();
  const Variable again = tape.leaf(x.value);
  tape.backward(sum(tape, again));
  EXPECT_EQ(read_tensor(tape.gradient(again)), (Values{1, 1, 1}));
}

// Operations that save nothing could be walked again with nothing amiss but the sums.
TEST(Tape, AConsumedTapeIsRefusedWhereNoOperationSavedAnything) {
  engine::Context context;
  Tape tape(context);
  const Variable x = tape.leaf(random_tensor(context, {3}, 1));
  const Variable y = sum(tape, add(tape, scale(tape, x, 2), x)), wrt[] = {x};
  const Variable one{make_tensor(context, {1}, {1})};
  tape.backward(y);
  const auto consumed = ThrowsMessage<Error>(HasSubstr("earlier backward consumed the tape"));
  EXPECT_THAT([&] { tape.backward(y); }, consumed);
  EXPECT_THAT([&] { tape.gradients(y, one, wrt); }, consumed);
  EXPECT_EQ(read_tensor(tape.gradient(x)), (Values{3, 3, 3}));
}

TEST(Tape, Errors) {
  engine::Context context;
  Tape tape(context);
  const Variable constant{random_tensor(context, {3}, 1)}, x = tape.leaf(random_tensor(context, {3}, 2));
  const Variable y = scale(tape, x, 2);
  EXPECT_THAT([&] { tape.backward(constant, constant.value); },
              ThrowsMessage<Error>(HasSubstr("depends on nothing that wants a gradient")));
  EXPECT_THAT([&] { tape.backward(y); }, ThrowsMessage<Error>(HasSubstr("[3] needs a seed")));
  EXPECT_THAT([&] { tape.backward(y, random_tensor(context, {2}, 1)); },
              ThrowsMessage<Error>(HasSubstr("seed [2] does not fit output [3]")));
  EXPECT_THAT([&] { tape.gradient(constant); }, ThrowsMessage<Error>(HasSubstr("constant")));
  const Variable wrt[] = {constant};
  EXPECT_THAT([&] { tape.gradients(y, constant, wrt); }, ThrowsMessage<Error>(HasSubstr("constant")));
}

// A bias whose weights want no gradient: an error, never a gradient left out in silence.
TEST(Tape, ABiasGradientWithoutAWeightGradientIsRefused) {
  engine::Context context;
  Tape tape(context);
  const Variable x{random_tensor(context, {1, 1, 3, 3}, 1)}, w{random_tensor(context, {2, 1, 3, 3}, 2)};
  const Variable bias = tape.leaf(random_tensor(context, {2}, 3));
  const Variable y = convolution(tape, x, w, bias, {1, 1}, {});
  EXPECT_THAT([&] { tape.backward(y, random_tensor(context, y.value.shape(), 4)); },
              ThrowsMessage<Error>(HasSubstr("bias gradient without a weight gradient")));
}

TEST(Tape, SecondDerivativesThroughAConvolutionBiasAreRefused) {
  engine::Context context;
  Tape tape(context);
  const Variable x = tape.leaf(random_tensor(context, {1, 1, 3, 3}, 1)),
                 w = tape.leaf(random_tensor(context, {2, 1, 3, 3}, 2)),
                 b = tape.leaf(random_tensor(context, {2}, 3));
  const Variable y = convolution(tape, x, w, b, {1, 1}, {});
  const Variable seed{random_tensor(context, y.value.shape(), 4)};
  const Variable with_bias[] = {x, b}, without[] = {x, w};
  EXPECT_THAT([&] { tape.gradients(y, seed, with_bias); },
              ThrowsMessage<Error>(HasSubstr("bias of 'convolution'")));
  EXPECT_EQ(tape.gradients(y, seed, without).size(), 2u);
}

// Three derivatives of sum x^4 by recording twice: 4 x^3, 12 x^2, 24 x.
TEST(Tape, ThirdDerivative) {
  engine::Context context;
  Tape tape(context);
  const Variable x = tape.leaf(make_tensor(context, {2}, {0.5, -2}));
  const Variable square = multiply(tape, x, x), y = multiply(tape, square, square);
  const Variable ones{make_tensor(context, {2}, {1, 1})}, wrt[] = {x};
  const Variable first = tape.gradients(y, ones, wrt)[0], second = tape.gradients(first, ones, wrt)[0];
  EXPECT_EQ(read_tensor(first.value), (Values{0.5, -32}));
  EXPECT_EQ(read_tensor(second.value), (Values{3, 48}));
  tape.backward(second, ones.value);
  EXPECT_EQ(read_tensor(tape.gradient(x)), (Values{12, -48}));
}

// The same sequence of operations reserves nothing after the first time.
TEST(Tape, SteadyStateReservesNothing) {
  engine::Context context;
  Parameter w = make_parameter(context, {4, 3, 3, 3}, 1), b = make_parameter(context, {4}, 2);
  const Tensor x = random_tensor(context, {2, 3, 8, 8}, 3);
  Tape tape(context);
  std::vector<const void*> addresses;
  for (int iteration = 0; iteration < 4; ++iteration) {
    w.reached = b.reached = false;
    const Variable leaf = tape.leaf(x);
    const Variable y = convolution(tape, leaf, tape.parameter(w), tape.parameter(b), {1, 1}, {});
    addresses.push_back(y.value.data());
    tape.backward(sum(tape, leaky_relu(tape, y, 0.2)));
    tape.clear();
  }
  EXPECT_EQ(addresses[1], addresses[2]);
  EXPECT_EQ(addresses[2], addresses[3]);
  EXPECT_EQ(context.arena().reservations(), 1u);
}

// A convolution behind a LeakyReLU keeps the LeakyReLU's input alone; its weight gradient has the bits of one
// whose input was kept.
TEST(Tape, OutputsThatCanBeMadeAgainAreNotKept) {
  engine::Context context;
  Parameter w = make_parameter(context, {4, 3, 3, 3}, 1), b = make_parameter(context, {4}, 2);
  Tape tape(context);
  Tensor x = random_tensor(context, {2, 3, 8, 8}, 3);
  const auto gradient = [&](const Variable& input) {
    w.reached = b.reached = false;
    tape.backward(sum(tape, convolution(tape, input, tape.parameter(w), tape.parameter(b), {1, 1}, {})));
    tape.clear();
    return read_tensor(w.gradient);
  };
  const Values kept = gradient({engine::ops::leaky_relu(context, x, 0.2)});
  EXPECT_EQ(gradient(leaky_relu(tape, tape.leaf(x), 0.2)), kept);
  const std::size_t before = context.arena().bytes_in_use();
  const Variable y = convolution(tape, leaky_relu(tape, tape.leaf(x), 0.2), tape.parameter(w),
                                 tape.parameter(b), {1, 1}, {});
  EXPECT_EQ(context.arena().bytes_in_use(), before + y.value.bytes());
  const Variable total = sum(tape, y);
  engine::ops::axpby(context, 1, x, 1, x);  // what it would be made from
  EXPECT_THAT([&] { tape.backward(total); }, ThrowsMessage<Error>(HasSubstr("was changed in place")));
}

}  // namespace
}  // namespace mebm::autograd

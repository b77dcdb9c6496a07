// Convolutions: oneDNN in fp32 (every channel block) and im2col + GEMM in fp64 against the naive loops.

#include "kernels/conv2d/conv2d.h"

#include <gtest/gtest.h>
#include <omp.h>

#include "kernels/conv2d/winograd.h"
#include "tests/reference/test_data.h"

namespace mebm::kernels::conv2d {
namespace {

using reference::absolute;
using reference::Convolution;
using reference::from_blocked;
using reference::Guarded;
using reference::kRoundoff;
using reference::random_values;
using reference::sum_bound;
using reference::to_blocked;
using reference::Values;
using reference::within;

Params params_of(const Convolution& c, bool accumulate, Algorithm algorithm) {
  return {.images = c.images,
          .in_channels = c.in_channels,
          .in_height = c.in_height,
          .in_width = c.in_width,
          .out_channels = c.out_channels,
          .out_height = c.out_height(),
          .out_width = c.out_width(),
          .kernel = c.kernel,
          .stride = c.stride,
          .padding = c.padding,
          .algorithm = algorithm,
          .accumulate = accumulate};
}

template <typename T>
struct Backend;
template <>
struct Backend<float> {
  static PlanResult make(int threads, const Params& p, Direction d, int block) {
    omp_set_num_threads(threads);  // oneDNN sizes its primitives by OpenMP's current maximum
    return make_onednn_plan({threads}, p, d, block);
  }
};
template <>
struct Backend<double> {
  static PlanResult make(int threads, const Params& p, Direction d, int) {
    return make_gemm_plan({threads}, p, d);
  }
};

template <typename T>
class Runner {
 public:
  Runner(const Convolution& c, int block, Algorithm algorithm)
      : c_(c),
        block_(block),
        algorithm_(algorithm),
        x_(random_values(c.x_count(), 1)),
        w_(random_values(c.w_count(), 2)),
        dy_(random_values(c.y_count(), 3)),
        bias_(random_values(static_cast<std::size_t>(c.out_channels), 4)),
        residual_(random_values(c.y_count(), 5)) {}

  int terms() const { return c_.in_channels * c_.kernel * c_.kernel; }

  Values forward(int threads, bool with_bias, bool accumulate) {
    const auto plan = make(threads, Direction::forward, accumulate);
    if (!plan) return {};
    const Guarded<T> x(source(*plan, x_)), bias(bias_), prepared_weights(prepare(*plan));
    const Values start = destination(*plan, residual_);
    Guarded<T> y(start.size());
    if (accumulate) std::copy(start.begin(), start.end(), y.data());
    execute(*plan, {.x = x.data(),
                    .weights = prepared_weights.data(),
                    .bias = with_bias ? bias.data() : nullptr,
                    .y = y.data()});
    EXPECT_TRUE(y.intact());
    return from_blocked(c_.images, c_.out_channels, c_.out_height() * c_.out_width(),
                        plan->destination_block(), y.values());
  }
  void check_forward() {
    const int threads = 2;
    for (bool with_bias : {true, false})
      for (bool accumulate : {false, true}) {
        const Values bias = with_bias ? bias_ : Values(), residual = accumulate ? residual_ : Values();
        Values bound = sum_bound<T>(
            reference::convolution(c_, absolute(x_), absolute(w_), absolute(bias), absolute(residual)),
            terms() + 2);
        const Values expected = reference::convolution(c_, x_, w_, bias, residual);
        const Values actual = forward(threads, with_bias, accumulate);
        EXPECT_TRUE(within(actual, expected, bound))
            << "forward, bias " << with_bias << ", accumulate " << accumulate;
      }
  }

  Values input_gradient(int threads) {
    const auto plan = make(threads, Direction::backward_data, false);
    if (!plan) return {};
    const Guarded<T> dy(destination(*plan, dy_)), prepared_weights(prepare(*plan));
    Guarded<T> dx(source(*plan, x_).size());
    execute(*plan, {.dy = dy.data(), .weights = prepared_weights.data(), .dx = dx.data()});
    EXPECT_TRUE(dx.intact());
    return from_blocked(c_.images, c_.in_channels, c_.in_height * c_.in_width, plan->source_block(),
                        dx.values());
  }
  void check_input_gradient() {
    Values bound = sum_bound<T>(reference::convolution_input_gradient(c_, absolute(dy_), absolute(w_)),
                                c_.out_channels * c_.kernel * c_.kernel);
    EXPECT_TRUE(within(input_gradient(2), reference::convolution_input_gradient(c_, dy_, w_), bound)) << "dx";
  }

  void check_weight_gradient() {
    const int sums = c_.images * c_.out_height() * c_.out_width();
    check_weight_gradient_alone();
    for (bool accumulate : {false, true}) {
      const auto plan = make(2, Direction::backward_weights, false);
      ASSERT_NE(plan, nullptr);
      const Guarded<T> x(source(*plan, x_)), dy(destination(*plan, dy_));
      Guarded<T> dw(w_.size()), dbias(bias_.size());
      if (accumulate) {
        std::copy(w_.begin(), w_.end(), dw.data());
        std::copy(bias_.begin(), bias_.end(), dbias.data());
      }
      execute(*plan, {.x = x.data(),
                      .dy = dy.data(),
                      .dw = dw.data(),
                      .dbias = dbias.data(),
                      .accumulate_weights = accumulate,
                      .accumulate_bias = accumulate});
      EXPECT_TRUE(dw.intact() && dbias.intact());
      Values expected = reference::convolution_weight_gradient(c_, x_, dy_);
      Values magnitude = reference::convolution_weight_gradient(c_, absolute(x_), absolute(dy_));
      Values expected_bias = reference::convolution_bias_gradient(c_, dy_);
      Values bias_magnitude = reference::convolution_bias_gradient(c_, absolute(dy_));
      add(accumulate, w_, expected, magnitude);
      add(accumulate, bias_, expected_bias, bias_magnitude);
      Values bound = sum_bound<T>(magnitude, sums);
      EXPECT_TRUE(within(dw.values(), expected, bound)) << "dw, accumulate " << accumulate;
      EXPECT_TRUE(within(dbias.values(), expected_bias, sum_bound<T>(bias_magnitude, sums))) << "dbias";
    }
  }

  // A plan made without a bias gradient.
  void check_weight_gradient_alone() {
    const auto plan = make(2, Direction::backward_weights, false, false);
    ASSERT_NE(plan, nullptr);
    const Guarded<T> x(source(*plan, x_)), dy(destination(*plan, dy_));
    Guarded<T> dw(w_.size());
    execute(*plan, {.x = x.data(), .dy = dy.data(), .dw = dw.data()});
    EXPECT_TRUE(dw.intact());
    Values bound = sum_bound<T>(reference::convolution_weight_gradient(c_, absolute(x_), absolute(dy_)),
                                c_.images * c_.out_height() * c_.out_width());
    EXPECT_TRUE(within(dw.values(), reference::convolution_weight_gradient(c_, x_, dy_), bound))
        << "dw alone";
  }

  std::unique_ptr<Plan> make(int threads, Direction direction, bool accumulate,
                             bool bias_gradient = true) const {
    Params params = params_of(c_, accumulate, algorithm_);
    params.bias_gradient = bias_gradient && direction == Direction::backward_weights;
    PlanResult result = Backend<T>::make(threads, params, direction, block_);
    EXPECT_NE(result.plan, nullptr) << result.error;
    return std::move(result.plan);
  }

 private:
  static void add(bool accumulate, const Values& before, Values& expected, Values& magnitude) {
    for (std::size_t i = 0; accumulate && i < before.size(); ++i) {
      expected[i] += before[i];
      magnitude[i] += std::abs(before[i]);
    }
  }
  Values source(const Plan& plan, const Values& values) const {
    return to_blocked(c_.images, c_.in_channels, c_.in_height * c_.in_width, plan.source_block(), values, 0);
  }
  Values destination(const Plan& plan, const Values& values) const {
    return to_blocked(c_.images, c_.out_channels, c_.out_height() * c_.out_width(), plan.destination_block(),
                      values, 0);
  }
  Values prepare(const Plan& plan) const {
    const Guarded<T> plain(w_);
    Guarded<T> prepared((plan.prepared_weight_bytes() + sizeof(T) - 1) / sizeof(T));
    plan.prepare_weights(plain.data(), prepared.data());
    EXPECT_TRUE(prepared.intact());
    return prepared.values();
  }
  void execute(const Plan& plan, Buffers buffers) const {
    Guarded<T> workspace(plan.workspace_bytes() / sizeof(T) + 1);
    buffers.workspace = workspace.data();
    EXPECT_EQ(plan.execute(buffers), "");
    EXPECT_TRUE(workspace.intact());
  }

  Convolution c_;
  int block_;
  Algorithm algorithm_;
  Values x_, w_, dy_, bias_, residual_;
};

template <typename T>
void check(const Convolution& c, int block, Algorithm algorithm = Algorithm::direct) {
  SCOPED_TRACE(::testing::Message() << c.images << "x" << c.in_channels << "x" << c.in_height << "x"
                                    << c.in_width << " -> " << c.out_channels << ", kernel " << c.kernel
                                    << ", stride " << c.stride << ", block " << block);
  Runner<T> runner(c, block, algorithm);
  runner.check_forward();
  runner.check_input_gradient();
  runner.check_weight_gradient();
}

// Kernel 3 padded 1 and kernel 1, strides 1 and 2; one-pixel, odd and even images; the first layer's 3 and 1
// channels; the wide nets' channel counts.
std::vector<Convolution> cases() {
  std::vector<Convolution> out;
  for (int stride : {1, 2})
    for (int kernel : {3, 1}) {
      const int padding = kernel / 2;
      out.push_back({2, 3, 9, 9, 16, kernel, stride, padding});
      out.push_back({3, 1, 8, 8, 16, kernel, stride, padding});
      out.push_back({1, 16, 1, 1, 32, kernel, stride, padding});
      out.push_back({3, 16, 7, 5, 16, kernel, stride, padding});
      out.push_back({2, 48, 5, 5, 80, kernel, stride, padding});
      out.push_back({1, 160, 4, 4, 48, kernel, stride, padding});
      out.push_back({2, 5, 6, 7, 3, kernel, stride, padding});
    }
  return out;
}

TEST(Convolution, Fp32MatchesTheOracleInEveryLayout) {
  for (const Convolution& c : cases())
    for (int block : {1, 8, 16}) {
      // The direct convolution of this processor may not exist in a foreign block; the plan then says so.
      const PlanResult probe =
          Backend<float>::make(2, params_of(c, false, Algorithm::direct), Direction::forward, block);
      if (block != preferred_channel_block() && probe.plan == nullptr) {
        EXPECT_NE(probe.error, "");
        continue;
      }
      check<float>(c, block);
    }
}

TEST(Convolution, Fp64MatchesTheOracle) {
  for (const Convolution& c : cases()) check<double>(c, 1);
}

TEST(Convolution, ManyImages) {
  check<double>({19, 3, 5, 5, 4, 3, 1, 1}, 1);
  check<float>({19, 16, 5, 5, 16, 3, 1, 1}, preferred_channel_block());
}

// The image's gradient, 3 and 1 channels, in the preferred block.
TEST(Convolution, ImageGradient) {
  for (int channels : {3, 1})
    for (int size : {32, 33}) {
      Runner<float> runner({2, channels, size, size, 16, 3, 1, 1}, preferred_channel_block(),
                           Algorithm::direct);
      runner.check_input_gradient();
    }
}

template <typename T>
void check_threads(const Convolution& c, int block) {
  Runner<T> runner(c, block, Algorithm::direct);
  const Values y = runner.forward(1, true, true), dx = runner.input_gradient(1);
  for (int threads : {2, 3}) {
    EXPECT_EQ(runner.forward(threads, true, true), y)
        << threads << " threads, " << c.in_channels << " channels";
    EXPECT_EQ(runner.input_gradient(threads), dx) << threads << " threads, " << c.in_channels << " channels";
  }
}

TEST(Convolution, ForwardAndInputGradientDoNotDependOnThreads) {
  for (const Convolution& c : cases()) {
    check_threads<float>(c, preferred_channel_block());
    check_threads<double>(c, 1);
  }
  check_threads<float>({4, 16, 32, 32, 32, 3, 1, 1}, preferred_channel_block());
  check_threads<float>({4, 3, 32, 32, 16, 3, 1, 1}, preferred_channel_block());
}

// fp64 weight gradients are summed over fixed ranges of images.
TEST(Convolution, Fp64WeightGradientDoesNotDependOnThreads) {
  const Convolution c{7, 3, 5, 5, 4, 3, 1, 1};
  const Guarded<double> x(random_values(c.x_count(), 1)), dy(random_values(c.y_count(), 2));
  std::vector<Values> results;
  for (int threads : {1, 2, 3}) {
    const auto plan =
        make_gemm_plan({threads}, params_of(c, false, Algorithm::direct), Direction::backward_weights).plan;
    Guarded<double> dw(c.w_count()), workspace(plan->workspace_bytes() / 8);
    EXPECT_EQ(plan->execute({.x = x.data(), .dy = dy.data(), .dw = dw.data(), .workspace = workspace.data()}),
              "");
    results.push_back(dw.values());
  }
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}

// What make_cpu_plan() makes: what was asked for where there is one, and with a free choice a fixed rule.
TEST(Convolution, AlgorithmsOfTheCpu) {
  const int block = std::max(preferred_channel_block(), 8);
  const auto made = [&](const Convolution& c, Algorithm asked, Direction direction = Direction::forward) {
    const Params params = params_of(c, false, asked);
    const PlanResult result = make_cpu_plan({1}, params, direction, block);
    EXPECT_NE(result.plan, nullptr) << result.error;
    if (result.plan == nullptr) return std::string();
    const bool winograd = cpu_algorithm(params, block) == Algorithm::winograd;
    EXPECT_STREQ(result.plan->algorithm(), winograd ? "winograd" : "direct");
    return std::string(result.plan->algorithm());
  };
  const Convolution square{2, 64, 8, 8, 64, 3, 1, 1}, pixel{2, 64, 1, 1, 64, 3, 1, 1},
      strided{2, 64, 8, 8, 64, 3, 2, 1}, stem{2, 3, 8, 8, 16, 3, 1, 1};
  for (Direction direction : {Direction::forward, Direction::backward_data, Direction::backward_weights}) {
    EXPECT_EQ(made(square, Algorithm::direct, direction), "direct");
    EXPECT_EQ(made(square, Algorithm::winograd, direction), "winograd");
    EXPECT_EQ(made(pixel, Algorithm::winograd, direction), "winograd");
    EXPECT_EQ(made(pixel, Algorithm::automatic, direction), "direct");
    EXPECT_EQ(made(strided, Algorithm::winograd, direction), "direct");
    EXPECT_EQ(made(stem, Algorithm::winograd, direction), "direct");
    const bool vectors = winograd::best_instructions(block) != winograd::Instructions::portable;
    EXPECT_EQ(made(square, Algorithm::automatic, direction), vectors ? "winograd" : "direct");
  }
}

TEST(Convolution, NoFp64Winograd) {
  const PlanResult result = make_gemm_plan(
      {1}, params_of({1, 3, 4, 4, 4, 3, 1, 1}, false, Algorithm::winograd), Direction::forward);
  EXPECT_EQ(result.plan, nullptr);
  EXPECT_EQ(result.error, "there is no fp64 Winograd convolution");
}

// Plans of one weight tensor share its prepared copy exactly when their formats agree.
TEST(Convolution, WeightFormatsTellPlansApart) {
  const auto format = [](const Convolution& c) {
    return Backend<float>::make(2, params_of(c, false, Algorithm::direct), Direction::forward,
                                preferred_channel_block())
        .plan->weight_format();
  };
  EXPECT_EQ(format({2, 16, 8, 8, 32, 3, 1, 1}), format({5, 16, 9, 7, 32, 3, 1, 1}));
  EXPECT_NE(format({2, 16, 8, 8, 32, 3, 1, 1}), format({2, 16, 8, 8, 32, 1, 1, 0}));
}

}  // namespace
}  // namespace mebm::kernels::conv2d

// Winograd convolutions against the naive loops in fp64, for every instruction set this processor has.

#include "kernels/conv2d/winograd.h"

#include <gtest/gtest.h>

#include "tests/kernels/winograd_oracle.h"

namespace mebm::kernels::conv2d::winograd {
namespace {

using reference::Convolution;
using reference::from_blocked;
using reference::Guarded;
using reference::kRoundoff;
using reference::random_values;
using reference::sum_bound;
using reference::to_blocked;
using reference::Values;
using reference::within;
using ::testing::Message;

// Weights of the convolution that backward_data is: O and I exchanged, kernels turned by half a turn.
Values mirrored(const Convolution& c, const Values& w) {
  Values out(w.size());
  for (int o = 0; o < c.out_channels; ++o)
    for (int i = 0; i < c.in_channels; ++i)
      for (int k = 0; k < 9; ++k)
        out[static_cast<std::size_t>((i * c.out_channels + o) * 9 + 8 - k)] =
            w[static_cast<std::size_t>((o * c.in_channels + i) * 9 + k)];
  return out;
}

Convolution exchanged(Convolution c) {
  std::swap(c.in_channels, c.out_channels);
  return c;
}

// The roundings on the way of one product: a weight, an input through six terms in both directions, the sum
// over channels, an output through five terms in both directions, bias and residual.
double roundings(int channels) {
  return channels + 1 + 2 * 5 + 2 * 5 + 2;
}

struct Setting {
  Instructions instructions;
  int block;
  std::int64_t tiles = 0, channel_blocks = 0;
};

std::ostream& operator<<(std::ostream& out, const Setting& s) {
  const char* const names[] = {"portable", "avx2", "avx512"};
  return out << names[static_cast<int>(s.instructions)] << ", block " << s.block << ", " << s.tiles
             << " tiles, " << s.channel_blocks << " channel blocks";
}

// Every instruction set here, with chunks of the plan's choice and small ones.
std::vector<Setting> settings() {
  std::vector<Setting> out;
  for (int block : {8, 16})
    for (Instructions instructions : {Instructions::portable, Instructions::avx2, Instructions::avx512})
      if (instructions <= best_instructions(block)) {
        out.push_back({instructions, block});
        out.push_back({instructions, block, 12, 2});
        out.push_back({instructions, block, 1, 4});
      }
  return out;
}

class Case {
 public:
  explicit Case(const Convolution& c)
      : c_(c),
        x_(random_values(c.x_count(), 1)),
        w_(random_values(c.w_count(), 2)),
        dy_(random_values(c.y_count(), 3)),
        bias_(random_values(static_cast<std::size_t>(c.out_channels), 4)),
        residual_(random_values(c.y_count(), 5)) {}

  bool fits(int block) const { return c_.in_channels % block == 0 && c_.out_channels % block == 0; }

  Values forward(const Setting& setting, int threads, bool with_bias, bool accumulate) const {
    const auto plan = make(setting, threads, Direction::forward, accumulate);
    const Guarded<float> x(blocked(c_.in_channels, setting.block, x_)), bias(bias_);
    const Values start = blocked(c_.out_channels, setting.block, residual_);
    Guarded<float> y(start.size());
    if (accumulate) std::copy(start.begin(), start.end(), y.data());
    execute(*plan, {.x = x.data(), .bias = with_bias ? bias.data() : nullptr, .y = y.data()});
    EXPECT_TRUE(y.intact());
    return plain(c_.out_channels, setting.block, y.values());
  }

  Values backward_data(const Setting& setting, int threads) const {
    const auto plan = make(setting, threads, Direction::backward_data, false);
    const Guarded<float> dy(blocked(c_.out_channels, setting.block, dy_));
    Guarded<float> dx(c_.x_count());
    execute(*plan, {.dy = dy.data(), .dx = dx.data()});
    EXPECT_TRUE(dx.intact());
    return plain(c_.in_channels, setting.block, dx.values());
  }

  // dw, dbias; both added to w_, bias_ where `accumulate`.
  std::pair<Values, Values> weight_gradient(const Setting& setting, int threads, bool accumulate) const {
    const auto plan = make(setting, threads, Direction::backward_weights, false);
    const Guarded<float> x(blocked(c_.in_channels, setting.block, x_)),
        dy(blocked(c_.out_channels, setting.block, dy_));
    Guarded<float> dw(w_.size()), dbias(bias_.size()), workspace(plan->workspace_bytes() / sizeof(float));
    if (accumulate) {
      std::copy(w_.begin(), w_.end(), dw.data());
      std::copy(bias_.begin(), bias_.end(), dbias.data());
    }
    EXPECT_EQ(plan->execute({.x = x.data(),
                             .dy = dy.data(),
                             .dw = dw.data(),
                             .dbias = dbias.data(),
                             .accumulate_weights = accumulate,
                             .accumulate_bias = accumulate,
                             .workspace = workspace.data()}),
              "");
    EXPECT_TRUE(dw.intact() && dbias.intact() && workspace.intact());
    return {dw.values(), dbias.values()};
  }

  void check_weight_gradient(const std::vector<Setting>& all) const {
    const int tiles = c_.images * ((c_.in_height + 3) / 4) * ((c_.in_width + 3) / 4);
    const Values dw = reference::convolution_weight_gradient(c_, x_, dy_),
                 dbias = reference::convolution_bias_gradient(c_, dy_);
    Values bound = sum_bound<float>(winograd_weight_gradient_in_fp64(c_, x_, dy_, false), roundings(tiles));
    Values bias_bound(bias_.size()), dw_more = dw, dbias_more = dbias;
    for (std::size_t i = 0; i < dw.size(); ++i) {
      bound[i] += kRoundoff<float> * (std::abs(dw[i]) + std::abs(w_[i]));
      dw_more[i] += w_[i];
    }
    for (std::size_t i = 0; i < dbias.size(); ++i) {
      bias_bound[i] = 2 * kRoundoff<float> * (std::abs(dbias[i]) + std::abs(bias_[i]));
      dbias_more[i] += bias_[i];
    }
    for (const Setting& setting : all)
      for (int threads : {1, 3}) {
        if (!fits(setting.block) || (threads > 1 && setting.tiles != 12)) continue;
        SCOPED_TRACE(Message() << setting << ", " << threads << " threads");
        const auto [weights, bias] = weight_gradient(setting, threads, false);
        EXPECT_TRUE(within(weights, dw, bound));
        EXPECT_TRUE(within(bias, dbias, bias_bound));
        const auto [weights_more, bias_more] = weight_gradient(setting, threads, true);
        EXPECT_TRUE(within(weights_more, dw_more, bound));
        EXPECT_TRUE(within(bias_more, dbias_more, bias_bound));
      }
  }

  void check(const std::vector<Setting>& all) const {
    const Values y = reference::convolution(c_, x_, w_, {}, {});
    const Values y_full = reference::convolution(c_, x_, w_, bias_, residual_);
    const Values dx = reference::convolution_input_gradient(c_, dy_, w_);
    Values magnitude = winograd_in_fp64(c_, x_, w_, false);
    const Values bound = sum_bound<float>(magnitude, roundings(c_.in_channels));
    const std::size_t pixels = static_cast<std::size_t>(c_.in_height * c_.in_width);
    for (std::size_t i = 0; i < magnitude.size(); ++i)
      magnitude[i] += std::abs(bias_[i / pixels % bias_.size()]) + std::abs(residual_[i]);
    const Values bound_full = sum_bound<float>(magnitude, roundings(c_.in_channels));
    const Values dx_bound = sum_bound<float>(winograd_in_fp64(exchanged(c_), dy_, mirrored(c_, w_), false),
                                             roundings(c_.out_channels));
    for (const Setting& setting : all) {
      if (!fits(setting.block)) continue;
      SCOPED_TRACE(Message() << setting);
      EXPECT_TRUE(within(forward(setting, 1, false, false), y, bound));
      EXPECT_TRUE(within(forward(setting, 1, true, true), y_full, bound_full));
      EXPECT_TRUE(within(backward_data(setting, 1), dx, dx_bound));
    }
  }

  std::unique_ptr<Plan> make(const Setting& s, int threads, Direction direction, bool accumulate) const {
    const Params params{.images = c_.images,
                        .in_channels = c_.in_channels,
                        .in_height = c_.in_height,
                        .in_width = c_.in_width,
                        .out_channels = c_.out_channels,
                        .out_height = c_.in_height,
                        .out_width = c_.in_width,
                        .accumulate = accumulate};
    PlanResult result =
        make_plan({threads}, params, direction, s.block, {s.instructions, s.tiles, s.channel_blocks});
    EXPECT_NE(result.plan, nullptr) << result.error;
    return std::move(result.plan);
  }

 private:
  Values blocked(int channels, int block, const Values& values) const {
    return to_blocked(c_.images, channels, c_.in_height * c_.in_width, block, values, 0);
  }
  Values plain(int channels, int block, const Values& values) const {
    return from_blocked(c_.images, channels, c_.in_height * c_.in_width, block, values);
  }
  // Weights and workspace hold NaN before, so that a value never written shows.
  void execute(const Plan& plan, Buffers buffers) const {
    const Guarded<float> weights(w_);
    Guarded<float> prepared(plan.prepared_weight_bytes() / sizeof(float)),
        workspace(plan.workspace_bytes() / sizeof(float));
    plan.prepare_weights(weights.data(), prepared.data());
    EXPECT_TRUE(prepared.intact());
    buffers.weights = prepared.data();
    buffers.workspace = workspace.data();
    EXPECT_EQ(plan.execute(buffers), "");
    EXPECT_TRUE(workspace.intact());
  }

  Convolution c_;
  Values x_, w_, dy_, bias_, residual_;
};

void check(const Convolution& c, const std::vector<Setting>& all = settings()) {
  SCOPED_TRACE(Message() << c.images << "x" << c.in_channels << "x" << c.in_height << "x" << c.in_width
                         << " -> " << c.out_channels);
  Case(c).check(all);
  Case(c).check_weight_gradient(all);
}

TEST(Winograd, TransformsAreTheConvolution) {
  const Convolution c{2, 3, 5, 6, 2};
  const Values x = random_values(c.x_count(), 1), w = random_values(c.w_count(), 2);
  const Values dy = random_values(c.y_count(), 3);
  EXPECT_TRUE(within(winograd_in_fp64(c, x, w, true), reference::convolution(c, x, w, {}, {}), 1e-13));
  EXPECT_TRUE(within(winograd_weight_gradient_in_fp64(c, x, dy, true),
                     reference::convolution_weight_gradient(c, x, dy), 1e-13));
}

TEST(Winograd, EverySizeOfPartialTiles) {
  for (int height = 1; height <= 9; ++height)
    for (int width = 1; width <= 9; ++width) check({1 + (height + width) % 3, 16, height, width, 16});
}

TEST(Winograd, EveryNumberOfChannelBlocks) {
  for (int channels : {8, 16, 24, 32, 64, 160}) {
    check({2, channels, 5, 6, 16});
    check({2, 16, 6, 5, channels});
    check({1, channels, 4, 4, channels});
  }
  check({1, 272, 3, 3, 48});  // more than the channels multiplied at once
}

TEST(Winograd, EveryNumberOfImages) {
  for (int images = 1; images <= 5; ++images) check({images, 8, 8, 8, 24});
}

TEST(Winograd, ImagesOfTheNetworks) {
  check({1, 16, 32, 32, 16});
  check({3, 32, 16, 16, 16});
  check({2, 16, 28, 14, 32});
}

TEST(Winograd, DoesNotDependOnThreadsOrChunks) {
  for (const Convolution& c :
       {Convolution{5, 32, 9, 6, 48}, Convolution{1, 16, 3, 3, 16}, Convolution{2, 16, 32, 32, 16}}) {
    const Case test(c);
    for (const Setting& setting : settings()) {
      SCOPED_TRACE(Message() << setting);
      const Setting first{setting.instructions, setting.block};
      const Values y = test.forward(first, 1, true, true), dx = test.backward_data(first, 1);
      for (int threads : {1, 2, 3}) {
        EXPECT_EQ(test.forward(setting, threads, true, true), y);
        EXPECT_EQ(test.backward_data(setting, threads), dx);
      }
    }
  }
}

// Threads share the output channels where sums are large, the tiles where they are not.
TEST(Winograd, WeightGradientsOfWideLayers) {
  const Convolution c{2, 256, 3, 4, 240};
  const Case test(c);
  const Values expected =
      reference::convolution_weight_gradient(c, random_values(c.x_count(), 1), random_values(c.y_count(), 3));
  for (const Setting& setting : settings())
    for (int threads : {1, 2, 16})
      EXPECT_LE(reference::relative_error(test.weight_gradient(setting, threads, false).first, expected),
                1e-5)
          << setting << ", " << threads << " threads";
}

// SPEC's bound on what replaces a direct convolution is 1e-4.
TEST(Winograd, ErrorOfWideLayers) {
  const Convolution c{1, 320, 8, 8, 32};
  const Case test(c);
  const Values expected =
      reference::convolution(c, random_values(c.x_count(), 1), random_values(c.w_count(), 2), {}, {});
  for (const Setting& setting : settings())
    EXPECT_LE(reference::relative_error(test.forward(setting, 1, false, false), expected), 1e-5) << setting;
}

TEST(Winograd, RefusesWhatItCannotDo) {
  const Params good{.images = 1,
                    .in_channels = 16,
                    .in_height = 4,
                    .in_width = 4,
                    .out_channels = 16,
                    .out_height = 4,
                    .out_width = 4};
  const auto error = [](const Params& p, Direction direction = Direction::forward, int block = 8) {
    const PlanResult result = make_winograd_plan({1}, p, direction, block);
    EXPECT_EQ(result.plan, nullptr);
    return result.error;
  };
  EXPECT_NE(make_winograd_plan({1}, good, Direction::forward, 8).plan, nullptr);
  Params p = good;
  p.stride = 2;
  EXPECT_EQ(error(p), "Winograd convolutions need kernel 3, stride 1 and padding 1");
  p = good;
  p.in_channels = 12;
  EXPECT_EQ(error(p), "Winograd convolutions need channels in multiples of 8");
  EXPECT_EQ(error(good, Direction::forward, 1), "Winograd convolutions need a channel block of 8 or 16");
}

TEST(Winograd, WeightFormatsTellDirectionsAndSizesApart) {
  const auto format = [](const Convolution& c, Direction direction, int block = 8) {
    return Case(c).make({Instructions::portable, block}, 1, direction, false)->weight_format();
  };
  const auto base = format({2, 16, 8, 8, 16}, Direction::forward);
  EXPECT_EQ(base, format({5, 16, 5, 9, 16}, Direction::forward));
  EXPECT_NE(base, format({2, 16, 8, 8, 16}, Direction::backward_data));
  EXPECT_NE(base, format({2, 16, 8, 8, 32}, Direction::forward));
  EXPECT_NE(base, format({2, 16, 8, 8, 16}, Direction::forward, 16));
}

}  // namespace
}  // namespace mebm::kernels::conv2d::winograd

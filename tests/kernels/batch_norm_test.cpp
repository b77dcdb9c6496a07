// Grouped batch-norm + LeakyReLU: statistics, forward and backward in every layout against the float64
// oracle.

#include "kernels/batch_norm/batch_norm.h"

#include <gtest/gtest.h>

#include "tests/reference/test_data.h"

namespace mebm::kernels {
namespace {

using reference::from_blocked;
using reference::Guarded;
using reference::kRoundoff;
using reference::random_values;
using reference::to_blocked;
using reference::Values;
using reference::within;

struct Case {
  int channels, pixels;
  std::vector<int> counts;
  int block;
};

// Rounding of one element: a few operations in T on statistics folded in fp64. In fp64 the statistics' own
// sums of m terms round like everything else.
template <typename T>
double operations(double m) {
  return 12 * (sizeof(T) == 8 ? std::sqrt(m) + 4 : 1);
}

template <typename T>
class Harness {
 public:
  explicit Harness(const Case& c, double offset)
      : case_(c), oracle_{.channels = c.channels, .pixels = c.pixels, .counts = c.counts} {
    std::int64_t begin = 0;
    for (int count : c.counts) {
      ranges_.push_back({begin, count});
      begin += count;
    }
    rows_ = static_cast<int>(begin);
    params_ = {{rows_, c.channels, c.pixels, c.block}, ranges_.data(), static_cast<int>(ranges_.size()), 0.2};
    gamma_ = random_values(static_cast<std::size_t>(c.channels), 2, -1.5, 1.5);
    beta_ = random_values(static_cast<std::size_t>(c.channels), 3, -0.5, 0.5);
    dz_ = random_values(oracle_.count(), 4);
    before_ = random_values(oracle_.count(), 5);
    choose_input(offset);
    const auto entries = static_cast<std::size_t>(params_.group_count * c.channels);
    for (auto* array : {&mean_, &variance_, &inverse_, &scale_, &shift_, &sum_du_, &sum_du_xhat_})
      *array = std::make_unique<Guarded<double>>(entries);
  }

  void forward(int threads, Guarded<T>& z) {
    const Guarded<T> x(layout(x_));
    Guarded<double> scratch(scratch_bytes(params_) / sizeof(double));
    batch_norm::statistics<T>({threads}, params_, x.data(), mean_->data(), variance_->data(), scratch.data());
    for (std::size_t i = 0; i < mean_->size(); ++i)
      inverse_->data()[i] = 1 / std::sqrt(variance_->data()[i] + oracle_.eps);
    const Guarded<T> gamma(gamma_), beta(beta_);
    batch_norm::coefficients<T>(params_, gamma.data(), beta.data(), coefficients());
    batch_norm::apply<T>({threads}, params_, coefficients(), x.data(), z.data());
    EXPECT_TRUE(scratch.intact() && z.intact() && mean_->intact() && variance_->intact() &&
                scale_->intact() && shift_->intact());
  }

  void backward(int threads, bool through, bool accumulate, Guarded<T>& dx) {
    const Guarded<T> x(layout(x_)), dz(layout(dz_));
    Guarded<double> scratch(scratch_bytes(params_) / sizeof(double));
    batch_norm::backward_sums<T>({threads}, params_, coefficients(), x.data(), dz.data(), sum_du_->data(),
                                 sum_du_xhat_->data(), scratch.data());
    batch_norm::backward_apply<T>({threads}, params_, coefficients(), through ? sum_du_->data() : nullptr,
                                  through ? sum_du_xhat_->data() : nullptr, x.data(), dz.data(), dx.data(),
                                  accumulate);
    EXPECT_TRUE(scratch.intact() && dx.intact() && sum_du_->intact() && sum_du_xhat_->intact());
  }

  void check_forward(const Guarded<T>& z) const {
    Values mean_bound, variance_bound;
    for (std::size_t at = 0; at < state_.mean.size(); ++at) {
      const double range =
          4 + std::sqrt(state_.variance[at]);  // pivot to mean, in units of the data's spread
      mean_bound.push_back(operations<double>(population(at)) * kRoundoff<double> *
                           (std::abs(state_.mean[at]) + range));
      variance_bound.push_back(operations<double>(population(at)) * kRoundoff<double> * range * range);
    }
    EXPECT_TRUE(within(mean_->values(), state_.mean, mean_bound));
    EXPECT_TRUE(within(variance_->values(), state_.variance, variance_bound));
    EXPECT_TRUE(within(plain(z), state_.z, forward_bound()));
  }

  void check_backward(const Guarded<T>& dx, bool through, bool accumulate) const {
    const reference::BatchNormGradient expected =
        reference::batch_norm_gradient(oracle_, state_, x_, gamma_, dz_, through);
    Values total = expected.dx;
    for (std::size_t i = 0; accumulate && i < total.size(); ++i) total[i] += before_[i];
    Values beta_bound, gamma_bound;
    EXPECT_TRUE(within(plain(dx), total, backward_bound(beta_bound, gamma_bound)));
    EXPECT_TRUE(within(sum_du_->values(), expected.dbeta, beta_bound));
    EXPECT_TRUE(within(sum_du_xhat_->values(), expected.dgamma, gamma_bound));
  }

  Values layout(const Values& values) const {
    return to_blocked(rows_, case_.channels, case_.pixels, case_.block, values, NAN);
  }
  Values plain(const Guarded<T>& values) const {
    return from_blocked(rows_, case_.channels, case_.pixels, case_.block, values.values());
  }
  const Values& before() const { return before_; }

 private:
  batch_norm::Coefficients coefficients() const {
    return {mean_->data(), inverse_->data(), scale_->data(), shift_->data()};
  }
  std::size_t entry(std::size_t i) const {
    const auto pixels = static_cast<std::size_t>(case_.pixels),
               channels = static_cast<std::size_t>(case_.channels);
    const int row = static_cast<int>(i / (pixels * channels));
    return static_cast<std::size_t>(oracle_.group_of(row)) * channels + i / pixels % channels;
  }
  double population(std::size_t at) const {
    return case_.counts[at / static_cast<std::size_t>(case_.channels)] * static_cast<double>(case_.pixels);
  }
  double scale(std::size_t at) const {
    return std::abs(gamma_[at % static_cast<std::size_t>(case_.channels)]) /
           std::sqrt(state_.variance[at] + oracle_.eps);
  }

  // u = scale x + shift with both rounded to T: errors of |scale x| + |shift|.
  Values forward_bound() const {
    Values bound(x_.size());
    for (std::size_t i = 0; i < bound.size(); ++i) {
      const std::size_t at = entry(i);
      bound[i] = operations<T>(population(at)) * kRoundoff<T> *
                 (scale(at) * (std::abs(x_[i]) + std::abs(state_.mean[at]) + 1) + 1);
    }
    return bound;
  }

  // dx = scale (du - A / m - xhat B / m), A = sum du, B = sum du xhat; each rounds by its absolute terms,
  // with xhat computed from x - mean in T.
  Values backward_bound(Values& beta_bound, Values& gamma_bound) const {
    const auto spread = [&](std::size_t i, std::size_t at) {
      return (std::abs(x_[i]) + std::abs(state_.mean[at])) / std::sqrt(state_.variance[at] + oracle_.eps);
    };
    Values a(state_.mean.size()), b(a.size()), bound(x_.size());
    for (std::size_t i = 0; i < x_.size(); ++i) {
      a[entry(i)] += std::abs(dz_[i]);
      b[entry(i)] += std::abs(dz_[i]) * spread(i, entry(i));
    }
    for (std::size_t at = 0; at < a.size(); ++at) {
      const double rounding = operations<T>(population(at)) * kRoundoff<T>;
      beta_bound.push_back(rounding * a[at]);
      gamma_bound.push_back(rounding * b[at]);
    }
    for (std::size_t i = 0; i < bound.size(); ++i) {
      const std::size_t at = entry(i);
      const double m = population(at);
      bound[i] = operations<T>(m) * kRoundoff<T> *
                 (1 + scale(at) * (std::abs(dz_[i]) + a[at] / m + spread(i, at) * b[at] / m));
    }
    return bound;
  }

  // LeakyReLU's kink: within rounding of u = 0 precision T may take the other branch, and the comparison
  // would say nothing. Draws inputs until no element is there.
  void choose_input(double offset) {
    for (std::uint32_t seed = 10;; ++seed) {
      ASSERT_LT(seed, 200u) << "no input away from the kink";
      x_ = random_values(oracle_.count(), seed, offset - 2, offset + 3);
      state_ = reference::batch_norm(oracle_, x_, gamma_, beta_);
      const Values bound = forward_bound();
      bool clear = true;
      for (std::size_t i = 0; i < x_.size(); ++i) clear = clear && std::abs(state_.u[i]) > bound[i];
      if (clear) return;
    }
  }

  Case case_;
  reference::BatchNorm oracle_;
  std::vector<batch_norm::RowGroup> ranges_;
  int rows_ = 0;
  batch_norm::Params params_;
  Values gamma_, beta_, x_, dz_, before_;
  reference::BatchNormState state_;
  std::unique_ptr<Guarded<double>> mean_, variance_, inverse_, scale_, shift_, sum_du_, sum_du_xhat_;
};

template <typename T>
void check(const Case& c, double offset) {
  SCOPED_TRACE(::testing::Message() << c.channels << " channels, " << c.pixels << " pixels, "
                                    << c.counts.size() << " groups, block " << c.block << ", offset "
                                    << offset);
  Harness<T> harness(c, offset);
  const std::size_t stored = harness.layout(harness.before()).size();
  Guarded<T> z(stored);
  harness.forward(1, z);
  harness.check_forward(z);
  for (bool through : {true, false})
    for (bool accumulate : {false, true}) {
      const auto fresh = [&] {
        return accumulate ? std::make_unique<Guarded<T>>(harness.layout(harness.before()))
                          : std::make_unique<Guarded<T>>(stored);
      };
      auto dx = fresh();
      harness.backward(1, through, accumulate, *dx);
      harness.check_backward(*dx, through, accumulate);
      if (c.pixels != 33) continue;  // once per kind of case is enough for the threads
      for (int threads : {2, 3}) {
        Guarded<T> other_z(stored);
        harness.forward(threads, other_z);
        EXPECT_TRUE(z.same_bits(other_z)) << threads << " threads";
        auto other = fresh();
        harness.backward(threads, through, accumulate, *other);
        EXPECT_EQ(0, std::memcmp(dx->data(), other->data(), stored * sizeof(T))) << threads << " threads";
      }
    }
}

const std::vector<std::vector<int>> kGroups{{3}, {1, 9, 4}};

TEST(BatchNorm, Fp32EveryLayout) {
  for (int channels : {16, 48, 160, 20, 3})
    for (int pixels : {1, 31, 33})
      for (const auto& counts : kGroups)
        for (int block : {1, 8, 16})
          // A single value per channel has no spread: rounding decides the sign of everything.
          if (!(pixels == 1 && counts[0] == 1)) check<float>({channels, pixels, counts, block}, 0);
}

TEST(BatchNorm, Fp64) {
  for (int channels : {1, 3, 16, 80})
    for (int pixels : {1, 33, 257})
      for (const auto& counts : kGroups)
        if (!(pixels == 1 && counts[0] == 1)) check<double>({channels, pixels, counts, 1}, 0);
}

// A mean of 200 standard deviations costs digits in proportion, not the variance.
TEST(BatchNorm, MeanFarFromZero) {
  for (int block : {1, 8, 16}) check<float>({16, 33, {3, 4}, block}, 300);
  check<double>({16, 33, {3, 4}, 1}, 300);
}

// z may alias x, dx may alias dz: the same bits as out of place.
TEST(BatchNorm, InPlace) {
  const batch_norm::RowGroup groups[] = {{0, 2}, {2, 1}};
  const batch_norm::Params params{{3, 20, 7, 8}, groups, 2, 0.2};
  const Values values = to_blocked(3, 20, 7, 8, random_values(3 * 20 * 7, 1), 0);
  const Values gradient = to_blocked(3, 20, 7, 8, random_values(3 * 20 * 7, 2), 0);
  const Guarded<double> mean(random_values(40, 3)), inverse(random_values(40, 4, 1, 2)),
      scale(random_values(40, 5)), shift(random_values(40, 6)), a(random_values(40, 7)),
      b(random_values(40, 8));
  const auto writable = [](const Guarded<double>& g) { return const_cast<double*>(g.data()); };
  const batch_norm::Coefficients c{writable(mean), writable(inverse), writable(scale), writable(shift)};
  Guarded<float> x(values), z(values.size()), dz(gradient), dx(values.size());
  batch_norm::apply<float>({1}, params, c, x.data(), z.data());
  batch_norm::backward_apply<float>({1}, params, c, a.data(), b.data(), x.data(), dz.data(), dx.data(),
                                    false);
  batch_norm::backward_apply<float>({1}, params, c, a.data(), b.data(), x.data(), dz.data(), dz.data(),
                                    false);
  EXPECT_TRUE(dx.same_bits(dz));
  batch_norm::apply<float>({1}, params, c, x.data(), x.data());
  EXPECT_TRUE(z.same_bits(x));
}

}  // namespace
}  // namespace mebm::kernels

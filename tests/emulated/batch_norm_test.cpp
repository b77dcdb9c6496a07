// Grouped batch-norm + LeakyReLU on the emulated device against the CPU twin in fp64 and the float64 oracle.
// Bounds: u is the unit roundoff of the arithmetic, d = x - pivot; see Bounds.

#include "kernels/batch_norm/batch_norm.h"

#include <gtest/gtest.h>

#include <cstdio>

#include "tests/emulated/device_array.h"
#include "tests/reference/test_data.h"

namespace mebm::test {
namespace {

namespace batch_norm = kernels::batch_norm;
using kernels::Arithmetic;
using kernels::bfloat16;
using reference::kRoundoff;
using reference::random_values;
using reference::Values;
using reference::within;

struct Case {
  int channels = 1, pixels = 1;
  std::vector<int> counts;
  int multiprocessors = 3;
  double offset = 0;  // added to x
};

template <typename T>
constexpr double kStoredRoundoff = sizeof(T) == 2 ? 0.00390625 : kRoundoff<Arithmetic<T>>;

// Values rounded to T.
template <typename T>
Values rounded(const Values& values) {
  return widened(narrowed<T>(values));
}

// What rounding may change, from the oracle's numbers. A sum of m terms errs by at most
// 6 sqrt(m + 8) u sum |term| (see reference::sum_bound). Entries are [group][channel].
struct Bounds {
  Values mean, variance, scale_part;  // scale_part: relative, of scale and inverse deviation
  Values du, du_xhat;
  Values z, dx;  // plain layout
};

template <typename T>
class Harness {
 public:
  using Real = Arithmetic<T>;
  static constexpr double kU = kRoundoff<Real>;

  explicit Harness(const Case& c)
      : case_(c), oracle_{.channels = c.channels, .pixels = c.pixels, .counts = c.counts} {
    exec_ = emulated_exec(c.multiprocessors);
    counters_.set(std::vector<std::uint32_t>(kernels::DeviceExec::kCounters, 0));
    exec_.counters = counters_.get();
    params_.map = {oracle_.rows(), c.pixels, c.channels};
    for (int count : c.counts) {
      batch_norm::RowGroup& group = params_.groups[params_.group_count++];
      group = {params_.group_count == 1 ? 0 : (&group)[-1].begin + (&group)[-1].count, count};
    }
    entries_ = c.counts.size() * static_cast<std::size_t>(c.channels);
    const auto channels = static_cast<std::size_t>(c.channels);
    x_ = random_values(oracle_.count(), 1, -2 + c.offset, 2 + c.offset);
    x_ = rounded<T>(x_);
    dz_ = rounded<T>(random_values(oracle_.count(), 2));
    before_ = rounded<T>(random_values(oracle_.count(), 3));
    gamma_ = random_values(channels, 4, -1.5, 1.5);
    beta_ = random_values(channels, 5, -0.5, 0.5);
    state_ = reference::batch_norm(oracle_, x_, gamma_, beta_);
    bound_forward();
    leave_out_the_kink();
    gradient_ = reference::batch_norm_gradient(oracle_, state_, x_, gamma_, dz_, true);
    fixed_gradient_ = reference::batch_norm_gradient(oracle_, state_, x_, gamma_, dz_, false);
    bound_backward();
    for (auto* array : {&mean_, &inverse_, &scale_, &shift_, &du_, &du_xhat_})
      *array = std::make_unique<DeviceArray<Real>>(entries_);
    scratch_ = std::make_unique<DeviceArray<std::byte>>(batch_norm::device::scratch_bytes(exec_, params_));
    x_device_ = std::make_unique<DeviceArray<T>>(to_device(x_));
    dz_device_ = std::make_unique<DeviceArray<T>>(to_device(dz_));
  }

  void check_statistics() {
    const DeviceArray<Real> gamma(narrowed<Real>(gamma_)), beta(narrowed<Real>(beta_));
    const DeviceArray<double> mean(entries_), unbiased(entries_);
    batch_norm::device::Slots slots;
    for (int g = 0; g < params_.group_count; ++g) {
      slots.mean[g] = mean.get() + g * case_.channels;
      slots.unbiased_variance[g] = unbiased.get() + g * case_.channels;
    }
    run_in_both_orders(
        [&] {
          for (auto* array : {&mean_, &inverse_, &scale_, &shift_}) (*array)->poison();
          scratch_->poison();
          return batch_norm::device::statistics<T>(exec_, params_, x_device_->get(), gamma.get(), beta.get(),
                                                   coefficients(), slots, scratch_->get());
        },
        [&] {
          std::vector<std::byte> all = bytes_of(mean.values());
          for (const auto& part : {bytes_of(unbiased.values()), bytes_of(scale_->values()),
                                   bytes_of(shift_->values()), bytes_of(inverse_->values())})
            all.insert(all.end(), part.begin(), part.end());
          return all;
        });
    EXPECT_TRUE(within(mean.values(), state_.mean, bounds_.mean));
    Values variance = unbiased.values(), cpu_mean(entries_), cpu_variance(entries_);
    for (std::size_t at = 0; at < entries_; ++at) variance[at] *= (population(at) - 1) / population(at);
    EXPECT_TRUE(within(variance, state_.variance, bounds_.variance));
    run_cpu(cpu_mean, cpu_variance);
    EXPECT_TRUE(within(mean.values(), cpu_mean, bounds_.mean));
    EXPECT_TRUE(within(variance, cpu_variance, bounds_.variance));
    EXPECT_EQ(counters_.values(), std::vector<std::uint32_t>(kernels::DeviceExec::kCounters, 0));
    check_mean_and_inverse();
  }

  void check_apply() {
    const DeviceArray<T> z(x_.size());
    run_in_both_orders(
        [&] {
          z.poison();
          return batch_norm::device::apply<T>(exec_, params_, coefficients(), x_device_->get(), z.get());
        },
        [&] { return bytes_of(z.values()); });
    EXPECT_TRUE(within(to_plain(z.values()), state_.z, bounds_.z));
    EXPECT_TRUE(within(to_plain(z.values()), cpu_z_, bounds_.z));
    const DeviceArray<T> in_place(to_device(x_));
    EXPECT_TRUE(
        batch_norm::device::apply<T>(exec_, params_, coefficients(), in_place.get(), in_place.get()).ok());
    EXPECT_EQ(bytes_of(in_place.values()), bytes_of(z.values()));
  }

  void check_backward_sums() {
    const auto channels = static_cast<std::size_t>(case_.channels);
    const DeviceArray<Real> dgamma(channels), dbeta(channels);
    for (bool accumulate : {false, true}) {
      const auto sums = sums_with(dgamma.get(), dbeta.get(), accumulate);
      run_in_both_orders(
          [&] {
            du_->poison();
            du_xhat_->poison();
            dgamma.set(narrowed<Real>(gamma_));
            dbeta.set(narrowed<Real>(beta_));
            return batch_norm::device::backward_sums<T>(exec_, params_, coefficients(), x_device_->get(),
                                                        dz_device_->get(), sums, scratch_->get());
          },
          [&] {
            std::vector<std::byte> all = bytes_of(du_->values());
            for (const auto& part :
                 {bytes_of(du_xhat_->values()), bytes_of(dgamma.values()), bytes_of(dbeta.values())})
              all.insert(all.end(), part.begin(), part.end());
            return all;
          });
      EXPECT_TRUE(within(widened(du_->values()), gradient_.dbeta, bounds_.du));
      EXPECT_TRUE(within(widened(du_xhat_->values()), gradient_.dgamma, bounds_.du_xhat));
      EXPECT_TRUE(within(widened(du_->values()), cpu_du_, bounds_.du));
      EXPECT_TRUE(within(widened(du_xhat_->values()), cpu_du_xhat_, bounds_.du_xhat));
      check_over_groups(widened(dgamma.values()), gradient_.dgamma, bounds_.du_xhat, accumulate, gamma_);
      check_over_groups(widened(dbeta.values()), gradient_.dbeta, bounds_.du, accumulate, beta_);
    }
    EXPECT_EQ(counters_.values(), std::vector<std::uint32_t>(kernels::DeviceExec::kCounters, 0));
  }

  void check_backward_apply() {
    const auto sums = sums_with(nullptr, nullptr, false);
    for (bool through : {true, false})
      for (bool accumulate : {false, true}) {
        const Values& expected = through ? gradient_.dx : fixed_gradient_.dx;
        Values with_before = expected, with_cpu = through ? cpu_dx_ : expected, bound = bounds_.dx;
        for (std::size_t i = 0; i < bound.size(); ++i) {
          if (accumulate) with_before[i] += before_[i];
          if (accumulate) with_cpu[i] += before_[i];
          bound[i] += 1.01 * kStoredRoundoff<T> * std::abs(with_before[i]) + kU * std::abs(before_[i]);
        }
        const DeviceArray<T> dx(x_.size());
        run_in_both_orders(
            [&] {
              accumulate ? dx.set(to_device(before_)) : dx.poison();
              return batch_norm::device::backward_apply<T>(exec_, params_, coefficients(),
                                                           through ? &sums : nullptr, x_device_->get(),
                                                           dz_device_->get(), dx.get(), accumulate);
            },
            [&] { return bytes_of(dx.values()); });
        EXPECT_TRUE(within(to_plain(dx.values()), with_before, bound)) << through << accumulate;
        EXPECT_TRUE(within(to_plain(dx.values()), with_cpu, bound)) << through << accumulate;
      }
    const DeviceArray<T> in_place(to_device(dz_)), apart(x_.size());
    for (const DeviceArray<T>* dz : {static_cast<const DeviceArray<T>*>(dz_device_.get()), &in_place})
      EXPECT_TRUE(batch_norm::device::backward_apply<T>(exec_, params_, coefficients(), &sums,
                                                        x_device_->get(), dz->get(),
                                                        dz == &in_place ? in_place.get() : apart.get(), false)
                      .ok());
    EXPECT_EQ(bytes_of(in_place.values()), bytes_of(apart.values()));
  }

  void check_all() {
    check_statistics();
    check_apply();
    check_backward_sums();
    check_backward_apply();
    EXPECT_LT(left_out_, 0.05) << "of the elements are within rounding of the kink";
    if (left_out_ > 0) std::printf("%g of the elements are within rounding of the kink\n", left_out_);
  }

 private:
  double population(std::size_t at) const {
    return static_cast<double>(case_.counts[at / static_cast<std::size_t>(case_.channels)]) * case_.pixels;
  }
  // Calls visit(element of the plain layout, entry, channel, element of the group's first row and pixel).
  template <typename Visit>
  void for_each(const Visit& visit) const {
    std::size_t i = 0, group_begin = 0;
    const auto image = static_cast<std::size_t>(case_.channels * case_.pixels);
    for (std::size_t g = 0; g < case_.counts.size(); ++g) {
      for (int n = 0; n < case_.counts[g]; ++n)
        for (int c = 0; c < case_.channels; ++c)
          for (int p = 0; p < case_.pixels; ++p)
            visit(i++, g * static_cast<std::size_t>(case_.channels) + static_cast<std::size_t>(c),
                  static_cast<std::size_t>(c), group_begin + static_cast<std::size_t>(c * case_.pixels));
      group_begin += image * static_cast<std::size_t>(case_.counts[g]);
    }
  }
  double sum_error(std::size_t at) const { return 6 * std::sqrt(population(at) + 8) * kU; }

  void bound_forward() {
    Values first(entries_), second(entries_);  // means of |d|, d^2
    for_each([&](std::size_t i, std::size_t at, std::size_t, std::size_t pivot) {
      const double d = x_[i] - x_[pivot];
      first[at] += std::abs(d) / population(at);
      second[at] += d * d / population(at);
    });
    for (std::size_t at = 0; at < entries_; ++at) {
      // The slots are in fp64: only the sums err.
      bounds_.mean.push_back(sum_error(at) * first[at] + 2 * kRoundoff<double> * std::abs(state_.mean[at]));
      bounds_.variance.push_back(sum_error(at) * (second[at] + 2 * first[at] * first[at]));
      bounds_.scale_part.push_back(bounds_.variance[at] / (2 * (state_.variance[at] + oracle_.eps)) + 2 * kU);
    }
    bounds_.z.resize(x_.size());
    kink_.resize(x_.size());
    for_each([&](std::size_t i, std::size_t at, std::size_t c, std::size_t) {
      const double scale = std::abs(gamma_[c]) / std::sqrt(state_.variance[at] + oracle_.eps);
      const double shift = std::abs(beta_[c]) + scale * std::abs(state_.mean[at]);
      kink_[i] = scale * std::abs(x_[i] - state_.mean[at]) * bounds_.scale_part[at] +
                 scale * bounds_.mean[at] + 3 * kU * (scale * std::abs(x_[i]) + shift);
      bounds_.z[i] = kink_[i] + 1.01 * kStoredRoundoff<T> * std::abs(state_.z[i]);
    });
  }

  // Elements whose branch rounding may choose contribute nothing.
  void leave_out_the_kink() {
    double left_out = 0;
    for (std::size_t i = 0; i < dz_.size(); ++i)
      if (std::abs(state_.u[i]) <= kink_[i]) {
        dz_[i] = 0;
        ++left_out;
      }
    left_out_ = left_out / static_cast<double>(dz_.size());
  }

  void bound_backward() {
    Values du(entries_), du_d(entries_);  // sums of |du|, |du (x - mean)|
    for_each([&](std::size_t i, std::size_t at, std::size_t, std::size_t) {
      const double size = std::abs(state_.u[i] > 0 ? dz_[i] : oracle_.leak * dz_[i]);
      du[at] += size;
      du_d[at] += size * std::abs(x_[i] - state_.mean[at]);
    });
    Values mean_error(entries_);
    for (std::size_t at = 0; at < entries_; ++at) {
      const double inverse = 1 / std::sqrt(state_.variance[at] + oracle_.eps);
      mean_error[at] = bounds_.mean[at] + kU * std::abs(state_.mean[at]);
      bounds_.du.push_back(sum_error(at) * du[at]);
      bounds_.du_xhat.push_back(inverse * (mean_error[at] * du[at] + sum_error(at) * du_d[at]) +
                                (bounds_.scale_part[at] + 2 * kU) * inverse * du_d[at]);
    }
    bounds_.dx.resize(x_.size());
    for_each([&](std::size_t i, std::size_t at, std::size_t c, std::size_t) {
      const double m = population(at), inverse = 1 / std::sqrt(state_.variance[at] + oracle_.eps);
      const double scale = std::abs(gamma_[c]) * inverse, xhat = std::abs(x_[i] - state_.mean[at]) * inverse;
      const double sum = std::abs(gradient_.dbeta[at]) / m, slope = std::abs(gradient_.dgamma[at]) / m;
      const double terms = std::abs(dz_[i]) + sum + xhat * slope;
      bounds_.dx[i] =
          scale * (3 * bounds_.scale_part[at] * terms +
                   (bounds_.du[at] + (xhat + inverse * mean_error[at]) * bounds_.du_xhat[at]) / m +
                   inverse * mean_error[at] * slope +
                   6 * kU * (terms + inverse * slope * (std::abs(x_[i]) + std::abs(state_.mean[at]))));
    });
  }

  void check_mean_and_inverse() {
    Values inverse(entries_), mean_bound = bounds_.mean, inverse_bound(entries_);
    for (std::size_t at = 0; at < entries_; ++at) {
      inverse[at] = 1 / std::sqrt(state_.variance[at] + oracle_.eps);
      mean_bound[at] += kU * std::abs(state_.mean[at]);
      inverse_bound[at] = bounds_.scale_part[at] * inverse[at];
    }
    EXPECT_TRUE(within(widened(mean_->values()), state_.mean, mean_bound));
    EXPECT_TRUE(within(widened(inverse_->values()), inverse, inverse_bound));
  }

  void check_over_groups(const Values& actual, const Values& per_group, const Values& bound, bool accumulate,
                         const Values& before) const {
    const auto channels = static_cast<std::size_t>(case_.channels);
    Values sum(channels), sum_of_bounds(channels);
    for (std::size_t at = 0; at < entries_; ++at) {
      sum[at % channels] += per_group[at];
      sum_of_bounds[at % channels] += bound[at];
    }
    for (std::size_t c = 0; c < channels; ++c) {
      if (accumulate) sum[c] += before[c];
      sum_of_bounds[c] += kU * std::abs(sum[c]);
    }
    EXPECT_TRUE(within(actual, sum, sum_of_bounds));
  }

  // The CPU twin in fp64 on the plain layout.
  void run_cpu(Values& mean, Values& variance) {
    batch_norm::Params params{
        {oracle_.rows(), case_.channels, case_.pixels, 1}, params_.groups, params_.group_count, oracle_.leak};
    std::vector<std::byte> scratch(batch_norm::scratch_bytes(params));
    batch_norm::statistics<double>({}, params, x_.data(), mean.data(), variance.data(), scratch.data());
    Values inverse(entries_), scale(entries_), shift(entries_);
    for (std::size_t at = 0; at < entries_; ++at) inverse[at] = 1 / std::sqrt(variance[at] + oracle_.eps);
    const batch_norm::Coefficients c{mean.data(), inverse.data(), scale.data(), shift.data()};
    batch_norm::coefficients<double>(params, gamma_.data(), beta_.data(), c);
    cpu_z_.resize(x_.size());
    cpu_dx_.resize(x_.size());
    cpu_du_.resize(entries_);
    cpu_du_xhat_.resize(entries_);
    batch_norm::apply<double>({}, params, c, x_.data(), cpu_z_.data());
    batch_norm::backward_sums<double>({}, params, c, x_.data(), dz_.data(), cpu_du_.data(),
                                      cpu_du_xhat_.data(), scratch.data());
    batch_norm::backward_apply<double>({}, params, c, cpu_du_.data(), cpu_du_xhat_.data(), x_.data(),
                                       dz_.data(), cpu_dx_.data(), false);
  }

  std::vector<T> to_device(const Values& plain) const {
    return narrowed<T>(
        reference::to_blocked(oracle_.rows(), case_.channels, case_.pixels, case_.channels, plain, 0));
  }
  Values to_plain(const std::vector<T>& device) const {
    return reference::from_blocked(oracle_.rows(), case_.channels, case_.pixels, case_.channels,
                                   widened(device));
  }
  batch_norm::device::Coefficients<T> coefficients() const {
    return {mean_->get(), inverse_->get(), scale_->get(), shift_->get()};
  }
  batch_norm::device::Sums<T> sums_with(Real* dgamma, Real* dbeta, bool accumulate) const {
    return {du_->get(), du_xhat_->get(), dgamma, dbeta, accumulate, accumulate};
  }

  Case case_;
  reference::BatchNorm oracle_;
  kernels::DeviceExec exec_;
  DeviceArray<std::uint32_t> counters_{kernels::DeviceExec::kCounters};
  batch_norm::device::Params params_;
  std::size_t entries_ = 0;
  Values x_, dz_, before_, gamma_, beta_, kink_, cpu_z_, cpu_dx_, cpu_du_, cpu_du_xhat_;
  double left_out_ = 0;
  reference::BatchNormState state_;
  reference::BatchNormGradient gradient_, fixed_gradient_;
  Bounds bounds_;
  std::unique_ptr<DeviceArray<Real>> mean_, inverse_, scale_, shift_, du_, du_xhat_;
  std::unique_ptr<DeviceArray<std::byte>> scratch_;
  std::unique_ptr<DeviceArray<T>> x_device_, dz_device_;
};

template <typename T>
class EmulatedBatchNorm : public testing::Test {};
using Types = testing::Types<bfloat16, float, double>;
TYPED_TEST_SUITE(EmulatedBatchNorm, Types);

// Odd channel counts, one element at a time.
TYPED_TEST(EmulatedBatchNorm, OddChannels) {
  for (int channels : {1, 3, 31, 33}) Harness<TypeParam>({channels, 3, {1, 2, 1}, 7}).check_all();
}
TYPED_TEST(EmulatedBatchNorm, ManyOddChannels) {
  Harness<TypeParam>({257, 5, {2}, 1}).check_all();
}
// The channel counts of widths 1 to 10.
TYPED_TEST(EmulatedBatchNorm, NarrowNetworks) {
  for (int channels : {16, 32, 48, 64, 80}) Harness<TypeParam>({channels, 9, {1, 2}, 3}).check_all();
}
TYPED_TEST(EmulatedBatchNorm, WideNetworks) {
  for (int channels : {96, 128, 160, 192, 320, 640}) Harness<TypeParam>({channels, 7, {1}, 1}).check_all();
}
// Several blocks in a group, several batches of rows in a thread, groups of unequal size.
TYPED_TEST(EmulatedBatchNorm, ManyRows) {
  Harness<TypeParam>({16, 1025, {1, 3}, 7}).check_all();
  Harness<TypeParam>({48, 289, {3, 1, 2}, 1}).check_all();
}
TYPED_TEST(EmulatedBatchNorm, ManyRowsOddChannels) {
  Harness<TypeParam>({3, 1089, {1, 1, 3}, 3}).check_all();
}
// A mean 1000 deviations from zero costs the statistics no digits: the bounds are those of x - pivot.
TEST(EmulatedBatchNormStatistics, SurviveAMeanFarFromZero) {
  for (double offset : {1e3, -1e3}) {
    Harness<float>({16, 1025, {1, 2}, 3, offset}).check_all();
    Harness<double>({31, 101, {3}, 3, offset}).check_all();
  }
}

// Several slots and layers of different widths; the last block of a row of blocks has nothing to do.
template <typename Real>
void check_fold() {
  constexpr int kSlots = 3, kLayers = 2;
  constexpr double kMomentum = 0.1;
  const std::size_t channels[kLayers] = {5, 257};
  std::vector<DeviceArray<double>> mean, variance;
  std::vector<DeviceArray<Real>> running_mean, running_variance;
  std::vector<batch_norm::device::FoldLayer<Real>> layers;
  Values expected[2 * kLayers];
  kernels::runtime::Accesses arrays;
  for (std::size_t l = 0; l < kLayers; ++l) {
    const std::size_t n = channels[l];
    const Values means = random_values(kSlots * n, 1), variances = random_values(kSlots * n, 2, 0, 2);
    const Values before[2] = {random_values(n, 3), random_values(n, 4, 0, 2)};
    mean.emplace_back(means);
    variance.emplace_back(variances);
    running_mean.emplace_back(narrowed<Real>(before[0]));
    running_variance.emplace_back(narrowed<Real>(before[1]));
    layers.push_back({mean[l].get(), variance[l].get(), running_mean[l].get(), running_variance[l].get(),
                      static_cast<std::int64_t>(n)});
    arrays.read(mean[l].get(), kSlots * layers[l].channels)
        .read(variance[l].get(), kSlots * layers[l].channels);
    arrays.write(running_mean[l].get(), layers[l].channels);
    arrays.write(running_variance[l].get(), layers[l].channels);
    for (std::size_t k : {0u, 1u})
      for (std::size_t c = 0; c < n; ++c) {
        // The closed form of the recursion.
        const Values& slots = k == 0 ? means : variances;
        expected[2 * l + k].push_back(0.9 * 0.9 * 0.9 * before[k][c] + 0.1 * 0.81 * slots[c] +
                                      0.1 * 0.9 * slots[n + c] + 0.1 * slots[2 * n + c]);
      }
  }
  const DeviceArray<batch_norm::device::FoldLayer<Real>> table(layers);
  ASSERT_TRUE(batch_norm::device::fold_statistics<Real>(emulated_exec(), table.get(), kLayers, 257, kSlots,
                                                        kMomentum, arrays)
                  .ok());
  for (std::size_t l = 0; l < kLayers; ++l) {
    EXPECT_TRUE(within(widened(running_mean[l].values()), expected[2 * l], 4 * kRoundoff<Real>));
    EXPECT_TRUE(within(widened(running_variance[l].values()), expected[2 * l + 1], 8 * kRoundoff<Real>));
  }
}

TEST(EmulatedBatchNormFold, FoldsSlotsInOrder) {
  check_fold<float>();
  check_fold<double>();
}

// Running mode: given statistics.
template <typename T>
void check_given_statistics() {
  using Real = Arithmetic<T>;
  const std::size_t channels = 67;
  const Values mean = random_values(channels, 1, -3, 3), variance = random_values(channels, 2, 0.1, 2),
               gamma = random_values(channels, 3), beta = random_values(channels, 4);
  const DeviceArray<Real> m(narrowed<Real>(mean)), v(narrowed<Real>(variance)), g(narrowed<Real>(gamma)),
      b(narrowed<Real>(beta)),
      out[4] = {DeviceArray<Real>(channels), DeviceArray<Real>(channels), DeviceArray<Real>(channels),
                DeviceArray<Real>(channels)};
  batch_norm::device::Params params;
  params.map = {2, 9, static_cast<std::int64_t>(channels)};
  params.groups[0] = {0, 2};
  params.group_count = 1;
  ASSERT_TRUE(batch_norm::device::coefficients<T>(emulated_exec(), params, m.get(), v.get(), g.get(), b.get(),
                                                  {out[0].get(), out[1].get(), out[2].get(), out[3].get()})
                  .ok());
  for (std::size_t c = 0; c < channels; ++c) {
    const double inverse = 1 / std::sqrt(variance[c] + 1e-5), scale = gamma[c] * inverse, u = kRoundoff<Real>;
    EXPECT_EQ(static_cast<double>(out[0].values()[c]), mean[c]);
    EXPECT_NEAR(static_cast<double>(out[1].values()[c]), inverse, 3 * u * inverse);
    EXPECT_NEAR(static_cast<double>(out[2].values()[c]), scale, 4 * u * std::abs(scale));
    EXPECT_NEAR(static_cast<double>(out[3].values()[c]), beta[c] - mean[c] * scale,
                6 * u * (std::abs(beta[c]) + std::abs(mean[c] * scale)));
  }
}

TEST(EmulatedBatchNormCoefficients, OfGivenStatistics) {
  check_given_statistics<bfloat16>();
  check_given_statistics<float>();
  check_given_statistics<double>();
}

}  // namespace
}  // namespace mebm::test

#pragma once
// Grouped batch-norm on the emulated device, stage by stage, against the CPU twin in fp64 and the oracle.

#include <gtest/gtest.h>

#include <cstdio>

#include "kernels/batch_norm/batch_norm.h"
#include "tests/emulated/batch_norm_bounds.h"
#include "tests/emulated/device_array.h"
#include "tests/reference/test_data.h"

namespace mebm::test {

struct BatchNormCase {
  int channels = 1, pixels = 1;
  std::vector<int> counts;
  int multiprocessors = 3;
  double offset = 0;  // added to x
};

template <typename T>
class BatchNormHarness {
 public:
  using Real = kernels::Arithmetic<T>;
  using Values = reference::Values;
  static constexpr double kU = reference::kRoundoff<Real>;
  static constexpr double kStored = sizeof(T) == 2 ? 0x1p-8 : kU;

  explicit BatchNormHarness(const BatchNormCase& c)
      : case_(c), oracle_{.channels = c.channels, .pixels = c.pixels, .counts = c.counts} {
    exec_ = emulated_exec(c.multiprocessors);
    counters_.set(std::vector<std::uint32_t>(kernels::DeviceExec::kCounters, 0));
    exec_.counters = counters_.get();
    params_.map = {oracle_.rows(), c.pixels, c.channels};
    for (int count : c.counts) {
      kernels::batch_norm::RowGroup& group = params_.groups[params_.group_count++];
      group = {params_.group_count == 1 ? 0 : (&group)[-1].begin + (&group)[-1].count, count};
    }
    entries_ = c.counts.size() * static_cast<std::size_t>(c.channels);
    const auto channels = static_cast<std::size_t>(c.channels);
    x_ = rounded(reference::random_values(oracle_.count(), 1, -2 + c.offset, 2 + c.offset));
    dz_ = rounded(reference::random_values(oracle_.count(), 2));
    before_ = rounded(reference::random_values(oracle_.count(), 3));
    gamma_ = reference::random_values(channels, 4, -1.5, 1.5);
    beta_ = reference::random_values(channels, 5, -0.5, 0.5);
    state_ = reference::batch_norm(oracle_, x_, gamma_, beta_);
    bounds_ = BatchNormBounds(oracle_, {kU, kStored}, x_, gamma_, beta_, state_);
    leave_out_the_kink();
    gradient_ = reference::batch_norm_gradient(oracle_, state_, x_, gamma_, dz_, true);
    fixed_gradient_ = reference::batch_norm_gradient(oracle_, state_, x_, gamma_, dz_, false);
    bounds_.add_backward(oracle_, x_, gamma_, dz_, state_, gradient_);
    for (auto* array : {&mean_, &inverse_, &scale_, &shift_, &du_, &du_xhat_})
      *array = std::make_unique<DeviceArray<Real>>(entries_);
    scratch_ =
        std::make_unique<DeviceArray<std::byte>>(kernels::batch_norm::device::scratch_bytes(exec_, params_));
    x_device_ = std::make_unique<DeviceArray<T>>(to_device(x_));
    dz_device_ = std::make_unique<DeviceArray<T>>(to_device(dz_));
  }

  void check_statistics() {
    const DeviceArray<Real> gamma(narrowed<Real>(gamma_)), beta(narrowed<Real>(beta_));
    const DeviceArray<double> mean(entries_), unbiased(entries_);
    kernels::batch_norm::device::Slots slots;
    for (int g = 0; g < params_.group_count; ++g) {
      slots.mean[g] = mean.get() + g * case_.channels;
      slots.unbiased_variance[g] = unbiased.get() + g * case_.channels;
    }
    run_in_both_orders(
        [&] {
          for (auto* array : {&mean_, &inverse_, &scale_, &shift_}) (*array)->poison();
          scratch_->poison();
          return kernels::batch_norm::device::statistics<T>(exec_, params_, x_device_->get(), gamma.get(),
                                                            beta.get(), coefficients(), slots,
                                                            scratch_->get());
        },
        [&] {
          std::vector<std::byte> all = bytes_of(mean.values());
          for (const auto& part : {bytes_of(unbiased.values()), bytes_of(scale_->values()),
                                   bytes_of(shift_->values()), bytes_of(inverse_->values())})
            all.insert(all.end(), part.begin(), part.end());
          return all;
        });
    EXPECT_TRUE(reference::within(mean.values(), state_.mean, bounds_.mean));
    Values variance = unbiased.values(), cpu_mean(entries_), cpu_variance(entries_);
    for (std::size_t at = 0; at < entries_; ++at)
      variance[at] *= (population(oracle_, at) - 1) / population(oracle_, at);
    EXPECT_TRUE(reference::within(variance, state_.variance, bounds_.variance));
    run_cpu(cpu_mean, cpu_variance);
    EXPECT_TRUE(reference::within(mean.values(), cpu_mean, bounds_.mean));
    EXPECT_TRUE(reference::within(variance, cpu_variance, bounds_.variance));
    EXPECT_EQ(counters_.values(), std::vector<std::uint32_t>(kernels::DeviceExec::kCounters, 0));
    check_mean_and_inverse();
  }

  void check_apply() {
    const DeviceArray<T> z(x_.size());
    run_in_both_orders(
        [&] {
          z.poison();
          return kernels::batch_norm::device::apply<T>(exec_, params_, coefficients(), x_device_->get(),
                                                       z.get());
        },
        [&] { return bytes_of(z.values()); });
    EXPECT_TRUE(reference::within(to_plain(z.values()), state_.z, bounds_.z));
    EXPECT_TRUE(reference::within(to_plain(z.values()), cpu_z_, bounds_.z));
    const DeviceArray<T> in_place(to_device(x_));
    EXPECT_TRUE(
        kernels::batch_norm::device::apply<T>(exec_, params_, coefficients(), in_place.get(), in_place.get())
            .ok());
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
            return kernels::batch_norm::device::backward_sums<T>(
                exec_, params_, coefficients(), x_device_->get(), dz_device_->get(), sums, scratch_->get());
          },
          [&] {
            std::vector<std::byte> all = bytes_of(du_->values());
            for (const auto& part :
                 {bytes_of(du_xhat_->values()), bytes_of(dgamma.values()), bytes_of(dbeta.values())})
              all.insert(all.end(), part.begin(), part.end());
            return all;
          });
      EXPECT_TRUE(reference::within(widened(du_->values()), gradient_.dbeta, bounds_.du));
      EXPECT_TRUE(reference::within(widened(du_xhat_->values()), gradient_.dgamma, bounds_.du_xhat));
      EXPECT_TRUE(reference::within(widened(du_->values()), cpu_du_, bounds_.du));
      EXPECT_TRUE(reference::within(widened(du_xhat_->values()), cpu_du_xhat_, bounds_.du_xhat));
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
          bound[i] += 1.01 * kStored * std::abs(with_before[i]) + kU * std::abs(before_[i]);
        }
        const DeviceArray<T> dx(x_.size());
        run_in_both_orders(
            [&] {
              accumulate ? dx.set(to_device(before_)) : dx.poison();
              return kernels::batch_norm::device::backward_apply<T>(
                  exec_, params_, coefficients(), through ? &sums : nullptr, x_device_->get(),
                  dz_device_->get(), dx.get(), accumulate);
            },
            [&] { return bytes_of(dx.values()); });
        EXPECT_TRUE(reference::within(to_plain(dx.values()), with_before, bound)) << through << accumulate;
        EXPECT_TRUE(reference::within(to_plain(dx.values()), with_cpu, bound)) << through << accumulate;
      }
    const DeviceArray<T> in_place(to_device(dz_)), apart(x_.size());
    for (const DeviceArray<T>* dz : {static_cast<const DeviceArray<T>*>(dz_device_.get()), &in_place})
      EXPECT_TRUE(kernels::batch_norm::device::backward_apply<T>(
                      exec_, params_, coefficients(), &sums, x_device_->get(), dz->get(),
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
  static Values rounded(const Values& values) { return widened(narrowed<T>(values)); }
  // Elements whose branch rounding may choose contribute nothing.
  void leave_out_the_kink() {
    double left_out = 0;
    for (std::size_t i = 0; i < dz_.size(); ++i)
      if (std::abs(state_.u[i]) <= bounds_.u[i]) {
        dz_[i] = 0;
        ++left_out;
      }
    left_out_ = left_out / static_cast<double>(dz_.size());
  }

  void check_mean_and_inverse() {
    Values inverse(entries_), mean_bound = bounds_.mean, inverse_bound(entries_);
    for (std::size_t at = 0; at < entries_; ++at) {
      inverse[at] = 1 / std::sqrt(state_.variance[at] + oracle_.eps);
      mean_bound[at] += kU * std::abs(state_.mean[at]);
      inverse_bound[at] = bounds_.scale_part[at] * inverse[at];
    }
    EXPECT_TRUE(reference::within(widened(mean_->values()), state_.mean, mean_bound));
    EXPECT_TRUE(reference::within(widened(inverse_->values()), inverse, inverse_bound));
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
    EXPECT_TRUE(reference::within(actual, sum, sum_of_bounds));
  }

  // The CPU twin in fp64 on the plain layout.
  void run_cpu(Values& mean, Values& variance) {
    kernels::batch_norm::Params params{
        {oracle_.rows(), case_.channels, case_.pixels, 1}, params_.groups, params_.group_count, oracle_.leak};
    std::vector<std::byte> scratch(kernels::batch_norm::scratch_bytes(params));
    kernels::batch_norm::statistics<double>({}, params, x_.data(), mean.data(), variance.data(),
                                            scratch.data());
    Values inverse(entries_), scale(entries_), shift(entries_);
    for (std::size_t at = 0; at < entries_; ++at) inverse[at] = 1 / std::sqrt(variance[at] + oracle_.eps);
    const kernels::batch_norm::Coefficients c{mean.data(), inverse.data(), scale.data(), shift.data()};
    kernels::batch_norm::coefficients<double>(params, gamma_.data(), beta_.data(), c);
    cpu_z_.resize(x_.size());
    cpu_dx_.resize(x_.size());
    cpu_du_.resize(entries_);
    cpu_du_xhat_.resize(entries_);
    kernels::batch_norm::apply<double>({}, params, c, x_.data(), cpu_z_.data());
    kernels::batch_norm::backward_sums<double>({}, params, c, x_.data(), dz_.data(), cpu_du_.data(),
                                               cpu_du_xhat_.data(), scratch.data());
    kernels::batch_norm::backward_apply<double>({}, params, c, cpu_du_.data(), cpu_du_xhat_.data(), x_.data(),
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
  kernels::batch_norm::device::Coefficients<T> coefficients() const {
    return {mean_->get(), inverse_->get(), scale_->get(), shift_->get()};
  }
  kernels::batch_norm::device::Sums<T> sums_with(Real* dgamma, Real* dbeta, bool accumulate) const {
    return {du_->get(), du_xhat_->get(), dgamma, dbeta, accumulate, accumulate};
  }

  BatchNormCase case_;
  reference::BatchNorm oracle_;
  kernels::DeviceExec exec_;
  DeviceArray<std::uint32_t> counters_{kernels::DeviceExec::kCounters};
  kernels::batch_norm::device::Params params_;
  std::size_t entries_ = 0;
  Values x_, dz_, before_, gamma_, beta_, cpu_z_, cpu_dx_, cpu_du_, cpu_du_xhat_;
  double left_out_ = 0;
  reference::BatchNormState state_;
  reference::BatchNormGradient gradient_, fixed_gradient_;
  BatchNormBounds bounds_;
  std::unique_ptr<DeviceArray<Real>> mean_, inverse_, scale_, shift_, du_, du_xhat_;
  std::unique_ptr<DeviceArray<std::byte>> scratch_;
  std::unique_ptr<DeviceArray<T>> x_device_, dz_device_;
};

}  // namespace mebm::test

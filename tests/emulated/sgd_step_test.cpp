#include "kernels/sgd_step/sgd_step.h"

#include <gtest/gtest.h>

#include "tests/emulated/kernel_case.h"

namespace mebm::test {
namespace {

namespace sgd_step = kernels::sgd_step;
using kernels::Arithmetic;
using kernels::bfloat16;
using reference::Values;

constexpr double kRate = 0.125, kMomentum = 0.75, kDecay = 0.0625;  // exact in every type

template <typename T>
class EmulatedSgdStep : public testing::Test {};
using Types = testing::Types<bfloat16, float, double>;
TYPED_TEST_SUITE(EmulatedSgdStep, Types);

// One arena for each kind of array, groups after one another. Groups are told apart by what they use: every
// third has its gradient in the arithmetic's type, every fifth none (zero), every other one no copy; `gap`
// unused values lie between groups, so that some start on a 16-byte boundary and some do not.
template <typename T>
class Case {
 public:
  Case(const std::vector<std::int64_t>& counts, std::int64_t gap) : counts_(counts) {
    std::int64_t total = 0;
    for (std::int64_t count : counts) {
      begins_.push_back(total);
      total += count + gap;
      largest_ = std::max(largest_, count);
    }
    const auto n = static_cast<std::size_t>(total);
    weight_ = stored_values<Arithmetic<T>>(n, 1);
    velocity_ = stored_values<Arithmetic<T>>(n, 2);
    master_ = stored_values<Arithmetic<T>>(n, 3);
    gradient_ = stored_values<T>(n, 4);
    copy_ = stored_values<T>(n, 5);
  }

  void run(int multiprocessors) const {
    const DeviceArray<Arithmetic<T>> weight(weight_), velocity(velocity_), master(master_);
    const DeviceArray<T> gradient(gradient_), copy(copy_);
    const DeviceArray<double> rate(std::vector<double>{kRate});
    std::vector<sgd_step::device::Group<T>> groups;
    kernels::runtime::Accesses memory;
    for (std::size_t g = 0; g < counts_.size(); ++g) {
      const std::int64_t begin = begins_[g];
      groups.push_back({weight.get() + begin, velocity.get() + begin,
                        uses_master(g) || is_zero(g) ? nullptr : gradient.get() + begin,
                        uses_master(g) && !is_zero(g) ? master.get() + begin : nullptr,
                        has_copy(g) ? copy.get() + begin : nullptr, counts_[g]});
    }
    const auto n = static_cast<std::int64_t>(weight_.size());
    memory.read(weight.get(), n).read(velocity.get(), n).read(gradient.get(), n).read(master.get(), n);
    memory.write(weight.get(), n).write(velocity.get(), n).write(copy.get(), n);
    const DeviceArray<sgd_step::device::Group<T>> device_groups(groups);
    sgd_step::Params params{1e9, kMomentum, kDecay};  // the device reads the rate from memory
    run_in_both_orders(
        [&] {
          weight.set(weight_);
          velocity.set(velocity_);
          copy.set(copy_);
          return sgd_step::device::step<T>(emulated_exec(multiprocessors), params, rate.get(),
                                           device_groups.get(), static_cast<int>(groups.size()), largest_,
                                           memory);
        },
        [&] {
          std::vector<std::byte> all = bytes_of(weight.values());
          for (const auto& more : {bytes_of(velocity.values()), bytes_of(copy.values())})
            all.insert(all.end(), more.begin(), more.end());
          return all;
        });
    compare(widened(weight.values()), widened(velocity.values()), widened(copy.values()));
  }

 private:
  static bool is_zero(std::size_t g) { return g % 5 == 4; }
  static bool uses_master(std::size_t g) { return g % 3 == 2; }
  static bool has_copy(std::size_t g) { return g % 2 == 0; }

  void compare(const Values& weight, const Values& velocity, const Values& copy) const {
    Values new_weight = widened(weight_), new_velocity = widened(velocity_), new_copy = widened(copy_);
    Values copy_bound(new_copy.size(), 0.0);
    const Values exact_bound(new_copy.size(), 8 * reference::kRoundoff<Arithmetic<T>>);  // |values| < 2
    for (std::size_t g = 0; g < counts_.size(); ++g)
      for (auto i = static_cast<std::size_t>(begins_[g]);
           i < static_cast<std::size_t>(begins_[g] + counts_[g]); ++i) {
        const double gradient = is_zero(g)       ? 0
                                : uses_master(g) ? static_cast<double>(kernels::widen(master_[i]))
                                                 : static_cast<double>(kernels::widen(gradient_[i]));
        new_velocity[i] = kMomentum * new_velocity[i] + (gradient + kDecay * new_weight[i]);
        new_weight[i] -= kRate * new_velocity[i];
        if (!has_copy(g)) continue;
        new_copy[i] = new_weight[i];
        copy_bound[i] = exact_bound[i] + storage_roundoff<T>() * std::abs(new_copy[i]);
      }
    EXPECT_TRUE(reference::within(velocity, new_velocity, exact_bound));
    EXPECT_TRUE(reference::within(weight, new_weight, exact_bound));
    // Also: nothing between groups and in groups without a copy was touched (bound 0).
    EXPECT_TRUE(reference::within(copy, new_copy, copy_bound));
  }

  std::vector<std::int64_t> counts_, begins_;
  std::int64_t largest_ = 0;
  std::vector<Arithmetic<T>> weight_, velocity_, master_;
  std::vector<T> gradient_, copy_;
};

TYPED_TEST(EmulatedSgdStep, OneGroup) {
  for (std::int64_t count : {1, 31, 33, 257, 1024}) Case<TypeParam>({count}, 0).run(3);
}

TYPED_TEST(EmulatedSgdStep, ManyUnequalGroups) {
  for (int multiprocessors : {1, 3, 7})
    for (std::int64_t gap : {0, 5, 8})
      Case<TypeParam>({16, 1, 31, 5000, 0, 257, 33, 640, 8, 3}, gap).run(multiprocessors);
}

TYPED_TEST(EmulatedSgdStep, NetworkChannels) {
  std::vector<std::int64_t> counts;
  for (int channels : kNetworkChannels) counts.push_back(channels);
  Case<TypeParam>(counts, 0).run(3);
}

template <typename T>
void expect_agreement_with_the_cpu() {
  constexpr std::size_t kCount = 1000;
  auto weight = stored_values<T>(kCount, 1), velocity = stored_values<T>(kCount, 2);
  const auto gradient = stored_values<T>(kCount, 3);
  const DeviceArray<T> w(weight), v(velocity), g(gradient);
  const DeviceArray<double> rate(std::vector<double>{kRate});
  const DeviceArray<sgd_step::device::Group<T>> groups(std::vector<sgd_step::device::Group<T>>{
      {w.get(), v.get(), g.get(), nullptr, nullptr, std::int64_t{kCount}}});
  kernels::runtime::Accesses memory;
  memory.read(w.get(), kCount).read(v.get(), kCount).read(g.get(), kCount);
  memory.write(w.get(), kCount).write(v.get(), kCount);
  const sgd_step::Params params{kRate, kMomentum, kDecay};
  ASSERT_TRUE(
      sgd_step::device::step<T>(emulated_exec(), params, rate.get(), groups.get(), 1, kCount, memory).ok());
  const sgd_step::Group<T> cpu{weight.data(), velocity.data(), gradient.data(), kCount};
  sgd_step::step<T>({}, params, &cpu, 1);
  const double bound = 8 * reference::kRoundoff<T>;
  EXPECT_TRUE(reference::within(widened(w.values()), widened(weight), bound));
  EXPECT_TRUE(reference::within(widened(v.values()), widened(velocity), bound));
}

TEST(EmulatedSgdStepTwin, AgreesWithTheCpu) {
  expect_agreement_with_the_cpu<float>();
  expect_agreement_with_the_cpu<double>();
}

}  // namespace
}  // namespace mebm::test

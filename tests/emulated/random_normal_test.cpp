#include "kernels/random_normal/random_normal.h"

#include <gtest/gtest.h>

#include "tests/emulated/device_array.h"
#include "tests/emulated/normal_bounds.h"
#include "tests/reference/test_data.h"

namespace mebm::test {
namespace {

namespace random_normal = kernels::random_normal;

constexpr std::uint64_t kSeed = 0x123456789ABCDEF0;

random_normal::Params params_of(std::int64_t rows, std::int64_t elements) {
  random_normal::Params params;
  params.rows = rows;
  params.elements = elements;
  params.key = kernels::PhiloxKey(kSeed);
  params.purpose = kernels::RandomPurpose::initial_draw;
  params.iteration = 5;
  params.step = 3;
  params.first_slot = 11;
  return params;
}

reference::Values oracle(const random_normal::Params& p) {
  reference::Values expected;
  for (std::int64_t row = 0; row < p.rows; ++row)
    for (std::int64_t e = 0; e < p.elements; ++e)
      expected.push_back(reference::normal(kSeed, static_cast<std::uint32_t>(p.purpose), p.iteration,
                                           p.first_slot + static_cast<std::uint32_t>(row), p.step,
                                           static_cast<std::uint32_t>(e)));
  return expected;
}

// fp32: the uniform's rounding near 1, where the radius is the square root of it.
template <typename T>
void expect_equal(std::int64_t rows, std::int64_t elements, double bound) {
  random_normal::Params params = params_of(rows, elements);
  const auto n = static_cast<std::size_t>(rows * elements);
  std::vector<T> expected(n);
  random_normal::fill<T>({}, params, expected.data());

  const DeviceArray<T> out(n);
  const DeviceArray<std::uint32_t> iteration(std::vector<std::uint32_t>{5});
  for (const std::uint32_t* cell :
       {static_cast<const std::uint32_t*>(nullptr), static_cast<const std::uint32_t*>(iteration.get())}) {
    params.iteration = cell != nullptr ? 1234 : 5;  // the cell counts
    run_in_both_orders(
        [&] {
          out.poison();
          return random_normal::device::fill<T>(emulated_exec(), params, cell, out.get());
        },
        [&] { return bytes_of(out.values()); });
    EXPECT_TRUE(reference::within(widened(out.values()), widened(expected), kNormalDistance<T>));
  }
  EXPECT_TRUE(reference::within(widened(out.values()), oracle(params_of(rows, elements)), bound));
}

TEST(EmulatedRandomNormal, EqualsTheCpuAndTheOracle) {
  for (std::int64_t elements : {1, 31, 33, 256, 257})
    for (std::int64_t rows : {1, 5}) {
      expect_equal<float>(rows, elements, 5e-4);
      expect_equal<double>(rows, elements, 1e-13);
    }
}

TEST(EmulatedRandomNormal, UniformEqualsTheFormula) {
  const random_normal::Params params = params_of(3, 33);
  const DeviceArray<double> out(99);
  run_in_both_orders(
      [&] {
        out.poison();
        return random_normal::device::fill_uniform<double>(emulated_exec(), params, nullptr, out.get());
      },
      [&] { return bytes_of(out.values()); });
  const std::vector<double> got = out.values();
  for (std::uint32_t i = 0; i < 99; ++i) {
    const kernels::PhiloxWords words = kernels::random_words(
        params.key, params.purpose, params.iteration, params.first_slot + i / 33, params.step, i % 33 / 4);
    EXPECT_EQ(got[i], 2 * ((words.word[i % 33 % 4] + 0.5) / 4294967296.0) - 1) << i;
  }
}

TEST(EmulatedRandomNormal, NothingToFill) {
  const random_normal::Params params = params_of(0, 12);
  EXPECT_TRUE(random_normal::device::fill<float>(emulated_exec(), params, nullptr, nullptr).ok());
}

}  // namespace
}  // namespace mebm::test

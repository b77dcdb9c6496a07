#include "kernels/langevin_step/langevin_step.h"

#include <gtest/gtest.h>

#include "tests/emulated/device_array.h"
#include "tests/emulated/normal_bounds.h"
#include "tests/reference/test_data.h"

namespace mebm::test {
namespace {

namespace langevin_step = kernels::langevin_step;

template <typename T>
void expect_equal_to_cpu(std::int64_t images, std::int64_t elements) {
  langevin_step::Params params;
  params.images = images;
  params.elements = elements;
  params.step_size = 0.7;
  params.noise = 0.3;
  params.key = kernels::PhiloxKey(99);
  params.iteration = 5;
  params.step = 3;
  params.first_slot = 11;
  const auto n = static_cast<std::size_t>(images * elements);
  const std::vector<T> start = narrowed<T>(reference::random_values(n, 1)),
                       gradient = narrowed<T>(reference::random_values(n, 2));
  std::vector<T> expected = start;
  langevin_step::step<T>({}, params, expected.data(), gradient.data());

  const DeviceArray<std::uint32_t> iteration(std::vector<std::uint32_t>{5});
  const DeviceArray<T> x(n), g(gradient);
  params.iteration = 1234;  // the cell counts
  params.iteration_cell = iteration.get();
  run_in_both_orders(
      [&] {
        x.set(start);
        return langevin_step::device::step<T>(emulated_exec(), params, x.get(), g.get());
      },
      [&] { return bytes_of(x.values()); });
  // Beyond the normals the same scalar functions in the same order: products of up to 3 rounded once more.
  const double rounding = sizeof(T) == sizeof(float) ? 4 * 0x1p-24 : 0;
  EXPECT_TRUE(reference::within(widened(x.values()), widened(expected),
                                params.noise * kNormalDistance<T> + rounding));
}

TEST(EmulatedLangevinStep, EqualsTheCpu) {
  for (std::int64_t elements : {1, 31, 33, 257})
    for (std::int64_t images : {1, 7}) {
      expect_equal_to_cpu<float>(images, elements);
      expect_equal_to_cpu<double>(images, elements);
    }
}

}  // namespace
}  // namespace mebm::test

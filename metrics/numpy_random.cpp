#include "metrics/numpy_random.h"

#include <bit>
#include <limits>
#include <numeric>
#include <utility>

#include "engine/core/error.h"

namespace mebm::metrics {

std::uint32_t NumpyRandom::up_to(std::uint32_t most) {
  const std::uint32_t mask = std::numeric_limits<std::uint32_t>::max() >> std::countl_zero(most | 1u);
  for (;;) {
    const std::uint32_t word = static_cast<std::uint32_t>(generator_()) & mask;
    if (word <= most) return word;
  }
}

std::vector<std::int64_t> NumpyRandom::permutation(std::int64_t n) {
  engine::require(n >= 0 && n - 1 <= std::int64_t{std::numeric_limits<std::uint32_t>::max()},
                  "a permutation of {} numbers cannot be drawn", n);
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  for (std::size_t i = order.size(); i-- > 1;)
    std::swap(order[i], order[up_to(static_cast<std::uint32_t>(i))]);
  return order;
}

std::vector<std::int64_t> NumpyRandom::choice(std::int64_t n, std::int64_t size) {
  engine::require(size >= 0 && size <= n, "{} of {} numbers cannot be drawn without replacement", size, n);
  std::vector<std::int64_t> order = permutation(n);
  order.resize(static_cast<std::size_t>(size));
  return order;
}

}  // namespace mebm::metrics

#pragma once
// The draws of NumPy's legacy RandomState that published protocols make, bit for bit.

#include <cstdint>
#include <random>
#include <vector>

namespace mebm::metrics {

// numpy.random.RandomState(seed): MT19937 seeded by init_genrand, which std::mt19937 is too.
class NumpyRandom {
 public:
  explicit NumpyRandom(std::uint32_t seed) : generator_(seed) {}

  // RandomState.permutation(n) of 0 ... n-1; n <= 2^32.
  std::vector<std::int64_t> permutation(std::int64_t n);
  // RandomState.choice(n, size, replace=False): the first `size` of permutation(n); 0 <= size <= n.
  std::vector<std::int64_t> choice(std::int64_t n, std::int64_t size);

 private:
  // Uniform in 0 ... most: words masked to the bits of `most` until one does not exceed it.
  std::uint32_t up_to(std::uint32_t most);

  std::mt19937 generator_;
};

}  // namespace mebm::metrics

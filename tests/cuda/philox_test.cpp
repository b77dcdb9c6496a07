// Our Philox4x32-10 and cuRAND's, both compiled for the host: the same integers. On a GPU the selftest
// compares them.

#include <gtest/gtest.h>

#include <random>

#include "kernels/core/philox.h"
#include "tests/cuda/curand_philox.h"

namespace mebm::test {
namespace {

using Input = std::array<std::uint32_t, 6>;  // key, counter

void expect_equal(const Input& in) {
  kernels::PhiloxKey key;
  key.low = in[0];
  key.high = in[1];
  const kernels::PhiloxWords ours = kernels::philox4x32_10(key, in[2], in[3], in[4], in[5]);
  const auto theirs = curand_words({in[0], in[1]}, {in[2], in[3], in[4], in[5]});
  for (std::size_t k = 0; k < 4; ++k)
    EXPECT_EQ(ours.word[k], theirs->at(k))
        << "word " << k << " of key " << in[0] << " " << in[1] << ", counter " << in[2] << " " << in[3] << " "
        << in[4] << " " << in[5];
}

class PhiloxOfCurand : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!curand_words({}, {})) GTEST_SKIP() << "the CUDA toolkit found has no curand_philox4x32_x.h";
  }
};

TEST_F(PhiloxOfCurand, IsOursOnEdges) {
  for (const std::uint32_t rest : {0u, 1u, 0x7FFFFFFFu, 0x80000000u, 0xFFFFFFFFu})
    for (const std::uint32_t edge : {0u, 1u, 0x7FFFFFFFu, 0x80000000u, 0xFFFFFFFFu})
      for (std::size_t at = 0; at < 6; ++at) {
        Input in;
        in.fill(rest);
        in[at] = edge;
        expect_equal(in);
      }
}

TEST_F(PhiloxOfCurand, IsOursOnRandomKeysAndCounters) {
  std::mt19937 generator(20);
  for (int i = 0; i < 20000 && !HasFailure(); ++i) {
    Input in;
    for (std::uint32_t& word : in) word = static_cast<std::uint32_t>(generator());
    expect_equal(in);
  }
}

// The seed of a run is the key, low word first, as curand_init() takes its seed.
TEST_F(PhiloxOfCurand, TakesTheSeedAsTheKey) {
  const std::uint64_t seed = 0x0123456789abcdefu;
  const kernels::PhiloxKey key(seed);
  const kernels::PhiloxWords ours = kernels::philox4x32_10(key, 7, 0, 0, 0);
  const auto theirs =
      curand_words({static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)}, {7, 0, 0, 0});
  for (std::size_t k = 0; k < 4; ++k) EXPECT_EQ(ours.word[k], theirs->at(k));
}

}  // namespace
}  // namespace mebm::test

// NumPy's RandomState, from its own draws.

#include <gtest/gtest.h>

#include "engine/core/error.h"
#include "metrics/numpy_random.h"
#include "tests/metrics/fixtures.h"

namespace mebm::metrics {
namespace {

using testing::array;
using testing::scores_file;

TEST(NumpyRandom, PermutesAsNumPy) {
  for (const int n : {1, 2, 3, 10, 257})
    EXPECT_EQ(NumpyRandom(2020).permutation(n),
              array<std::int64_t>(scores_file(), "/draws/permutation_" + std::to_string(n)));
  EXPECT_TRUE(NumpyRandom(2020).permutation(0).empty());
}

TEST(NumpyRandom, ChoosesAsNumPy) {
  const std::vector<std::int64_t> train = NumpyRandom(2020).choice(50000, 5000);
  EXPECT_EQ(train, array<std::int64_t>(scores_file(), "/draws/train"));
  EXPECT_EQ(train[0], 24397);
  EXPECT_EQ(train[5], 31361);
}

TEST(NumpyRandom, DrawsGoOnFromOneState) {
  NumpyRandom random(7);
  std::vector<std::int64_t> drawn = random.choice(1000, 30);
  const std::vector<std::int64_t> more = random.choice(65536, 30);
  drawn.insert(drawn.end(), more.begin(), more.end());
  EXPECT_EQ(drawn, array<std::int64_t>(scores_file(), "/draws/twice"));
}

TEST(NumpyRandom, RefusesMoreThanThereIs) {
  EXPECT_THROW(NumpyRandom(1).choice(3, 4), engine::Error);
}

}  // namespace
}  // namespace mebm::metrics

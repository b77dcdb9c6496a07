#include "tools/nearest.h"

#include <gtest/gtest.h>

namespace mebm::tools {
namespace {

TEST(EditDistance, CountsEveryKindOfEditOnce) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("steps", "step"), 1u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("depht", "depth"), 1u);
  EXPECT_EQ(edit_distance("ca", "abc"), 3u);  // 2 only if a swapped pair could be edited again
}

TEST(Nearest, TakesTheClosestAndTheFirstOfEquals) {
  EXPECT_EQ(nearest("widht", {"depth", "width", "norm"}), "width");
  EXPECT_EQ(nearest("x", {"b", "a"}), "b");
  EXPECT_EQ(nearest("x", {}), "");
}

TEST(Nearest, NamesNothingThatIsFarAway) {
  EXPECT_EQ(nearest("bananas", {"depth", "width"}), "");
  EXPECT_EQ(nearest("abc", {"abxyz"}), "");      // three edits
  EXPECT_EQ(nearest("abcd", {"abxy"}), "abxy");  // two
  EXPECT_EQ(nearest("optimiser_lerning_rat", {"optimizer_learning_rate"}), "optimizer_learning_rate");
  EXPECT_EQ(did_you_mean("bananas", {"depth"}), "");
  EXPECT_EQ(did_you_mean("widht", {"depth", "width"}), "; did you mean 'width'?");
}

}  // namespace
}  // namespace mebm::tools

// Rounding to bfloat16 against values worked out by hand and against the nearest of both neighbours in fp64.

#include "kernels/core/bfloat16.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

namespace mebm::test {
namespace {

std::uint16_t rounded(std::uint32_t bits) {
  return kernels::to_bfloat16(std::bit_cast<float>(bits)).bits;
}

TEST(Bfloat16, SpecialValues) {
  struct {
    std::uint32_t value;
    std::uint16_t expected;
  } const cases[] = {
      {0x00000000, 0x0000}, {0x80000000, 0x8000},  // zeros keep their sign
      {0x7F800000, 0x7F80}, {0xFF800000, 0xFF80},  // infinities
      {0x3F808000, 0x3F80}, {0x3F818000, 0x3F82},  // ties go to the even neighbour
      {0x3F808001, 0x3F81}, {0x3F807FFF, 0x3F80},  // and no further
      {0x7F7F7FFF, 0x7F7F}, {0x7F7F8000, 0x7F80},  // overflow to infinity from the tie on
      {0xFF7FFFFF, 0xFF80}, {0x00010000, 0x0001}, {0x00008000, 0x0000},  // denormals are kept; their ties too
      {0x00018000, 0x0002}, {0x807FFFFF, 0x8080},
  };
  for (const auto& c : cases) EXPECT_EQ(rounded(c.value), c.expected) << std::hex << c.value;
}

TEST(Bfloat16, NanStaysNanAndGetsQuiet) {
  EXPECT_EQ(rounded(0x7F800001), 0x7FC0);  // a payload in the lower half alone
  EXPECT_EQ(rounded(0xFF800001), 0xFFC0);
  EXPECT_EQ(rounded(0x7FFFFFFF), 0x7FFF);
}

TEST(Bfloat16, TakesTheNearestNeighbour) {
  for (std::uint32_t upper = 0; upper < 0x7F7F; ++upper)
    for (const std::uint32_t lower : {1u, 0x3FFFu, 0x7FFFu, 0x8000u, 0x8001u, 0xFFFFu}) {
      const double value = static_cast<double>(std::bit_cast<float>(upper << 16 | lower));
      const double below = static_cast<double>(std::bit_cast<float>(upper << 16));
      const double above = static_cast<double>(std::bit_cast<float>((upper + 1) << 16));
      const bool up = value - below == above - value ? upper % 2 == 1 : value - below > above - value;
      ASSERT_EQ(rounded(upper << 16 | lower), up ? upper + 1 : upper) << std::hex << upper << " " << lower;
    }
}

}  // namespace
}  // namespace mebm::test

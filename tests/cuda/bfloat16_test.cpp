// Our rounding to bfloat16 on the host and CUDA's __float2bfloat16_rn, which device code uses: the same bits,
// NaN apart. cuda_bf16.h computes it on the host as it documents the instruction.

#include <cuda_bf16.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "kernels/core/bfloat16.h"

namespace mebm::test {
namespace {

std::uint16_t ours(std::uint32_t bits) {
  return kernels::to_bfloat16(std::bit_cast<float>(bits)).bits;
}
std::uint16_t theirs(std::uint32_t bits) {
  return std::bit_cast<std::uint16_t>(__float2bfloat16_rn(std::bit_cast<float>(bits)));
}

// Every upper half with lower halves below, at and above the tie, and a stride through the rest.
TEST(Bfloat16OfCuda, RoundsAsTheHost) {
  for (std::uint32_t upper = 0; upper < 0x10000; ++upper)
    for (const std::uint32_t lower :
         {0x0000u, 0x0001u, 0x7FFFu, 0x8000u, 0x8001u, 0xFFFFu, (upper * 40503u) & 0xFFFFu}) {
      const std::uint32_t bits = upper << 16 | lower;
      if (std::isnan(std::bit_cast<float>(bits))) continue;
      ASSERT_EQ(ours(bits), theirs(bits)) << std::hex << bits;
    }
}

TEST(Bfloat16OfCuda, NanIsQuietOnBothSides) {
  for (const std::uint32_t bits : {0x7F800001u, 0x7FC00000u, 0x7FFFFFFFu, 0xFF800001u, 0xFFFFFFFFu})
    for (const std::uint16_t narrow : {ours(bits), theirs(bits)}) {
      EXPECT_TRUE((narrow & 0x7F80) == 0x7F80 && (narrow & 0x40) != 0)
          << std::hex << bits << " -> " << narrow;
    }
  EXPECT_EQ(theirs(0xFF800001u), 0x7FFF);  // the one NaN that the documentation of bfloat16_bits() names
}

}  // namespace
}  // namespace mebm::test

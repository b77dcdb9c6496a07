// The emulator's matrix products.

#include "tests/emulated/product_cases.h"

namespace mebm::test {
namespace {

namespace gemm = kernels::gemm;

std::unique_ptr<gemm::Library> library() {
  gemm::LibraryResult made = gemm::make_library(emulated_exec());
  EXPECT_TRUE(made.library != nullptr) << made.status.error();
  return std::move(made.library);
}

TEST(EmulatedGemm, ProductsEqualTheNaiveSums) {
  for (bool transpose_a : {false, true})
    for (bool transpose_b : {false, true})
      for (double beta : {0.0, 1.0, -0.5}) {
        check_product<float>(emulated_exec(), *library(), transpose_a, transpose_b, beta);
        check_product<double>(emulated_exec(), *library(), transpose_a, transpose_b, beta);
      }
}

TEST(EmulatedGemm, RankUpdateAddsToTheUpperTriangleAlone) {
  check_rank_update(emulated_exec(), *library());
}

TEST(EmulatedGemm, SolveUndoesTheProduct) {
  check_solve(emulated_exec(), *library());
}

TEST(EmulatedGemm, ProductOverNothingScales) {
  const DeviceArray<float> c(std::vector<float>{1, 2});
  ASSERT_TRUE(
      library()
          ->multiply(emulated_exec(), false, false, 1, 2, 0, 1.0, c.get(), 1, c.get(), 2, 3.0, c.get(), 2)
          .ok());
  EXPECT_EQ(c.values(), (std::vector<float>{3, 6}));
}

TEST(EmulatedGemm, RefusesRowsThatOverlap) {
  const DeviceArray<float> c(12);
  const kernels::Status status = library()->multiply(emulated_exec(), false, true, 2, 3, 2, 1.0, c.get(), 2,
                                                     c.get(), 2, 0.0, c.get(), 2);
  EXPECT_EQ(status.error(),
            "matrix product 2 x 3 x 2, B transposed: row stride ldc 2 is below the 3 columns");
}

}  // namespace
}  // namespace mebm::test

// cuDNN's convolutions and cuBLAS's products: on a GPU against the naive loops; without one, what they say.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cuda/cuda_device.h"
#include "tests/emulated/convolution_cases.h"
#include "tests/emulated/product_cases.h"

namespace mebm::test {
namespace {

namespace device = kernels::conv2d::device;
namespace gemm = kernels::gemm;
namespace runtime = kernels::runtime;
using device::Element;
using kernels::bfloat16;
using reference::Convolution;

class OnDevice : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::string missing = missing_device(); !missing.empty()) GTEST_SKIP() << missing;
  }
};
class CudnnConvolution : public OnDevice {};
class CublasGemm : public OnDevice {};

// tf32 keeps 10 bits behind the point of each factor.
constexpr double kTf32ProductError = 2.0 / 1024;

TEST_F(CudnnConvolution, EqualsTheNaiveLoops) {
  const device::LibraryResult made = device::make_library("");
  ASSERT_TRUE(made.library != nullptr) << made.status.error();
  for (const Convolution& c :
       {Convolution{2, 3, 7, 5, 16, 3, 1, 1}, Convolution{3, 16, 8, 8, 32, 3, 2, 1},
        Convolution{2, 31, 5, 7, 33, 3, 2, 1}, Convolution{2, 16, 7, 7, 5, 1, 2, 0},
        Convolution{4, 160, 8, 8, 160, 3, 1, 1}, Convolution{4, 80, 8, 8, 160, 3, 2, 1},
        Convolution{4, 64, 8, 8, 128, 1, 2, 0}}) {
    LibraryConvolution<bfloat16>(cuda_exec(), *made.library, Element::bf16, 0, c).check_all();
    LibraryConvolution<float>(cuda_exec(), *made.library, Element::tf32, kTf32ProductError, c).check_all();
    LibraryConvolution<float>(cuda_exec(), *made.library, Element::fp32, 0, c).check_all();
  }
}

TEST_F(CudnnConvolution, TunedPlansAreStoredAndMadeAgain) {
  const Convolution c{4, 32, 8, 8, 32, 3, 1, 1};
  const kernels::conv2d::Params params = params_of(c, false);
  const kernels::conv2d::Direction forward = kernels::conv2d::Direction::forward;
  const std::string file = ::testing::TempDir() + "mebm_tuned_plans.json";
  std::remove(file.c_str());
  device::LibraryResult tuned = device::make_library(file);
  ASSERT_TRUE(tuned.library != nullptr) << tuned.status.error();
  const kernels::Status status = tuned.library->tune(cuda_exec(), params, forward, Element::bf16);
  ASSERT_TRUE(status.ok()) << status.error();
  ASSERT_TRUE(tuned.library->save_plans(file).ok());
  const device::LibraryResult stored = device::make_library(file);
  ASSERT_TRUE(stored.library != nullptr) << stored.status.error();
  EXPECT_EQ(stored.library->make_plan(params, forward, Element::bf16).plan->description(),
            tuned.library->make_plan(params, forward, Element::bf16).plan->description());
  LibraryConvolution<bfloat16>(cuda_exec(), *stored.library, Element::bf16, 0, c).check_all();
  std::remove(file.c_str());
}

TEST_F(CudnnConvolution, RefusesFp64) {
  const device::LibraryResult made = device::make_library("");
  ASSERT_TRUE(made.library != nullptr) << made.status.error();
  const device::PlanResult plan = made.library->make_plan(params_of({1, 1, 4, 4, 1, 3, 1, 1}, false),
                                                          kernels::conv2d::Direction::forward, Element::fp64);
  EXPECT_THAT(plan.status.error(),
              ::testing::HasSubstr("1x1x4x4, kernel 3, stride 1, padding 1, fp64: fp64"));
}

TEST_F(CublasGemm, ProductsRankUpdateAndSolve) {
  const gemm::LibraryResult made = gemm::make_library(cuda_exec());
  ASSERT_TRUE(made.library != nullptr) << made.status.error();
  for (bool transpose_a : {false, true})
    for (bool transpose_b : {false, true})
      for (double beta : {0.0, 1.0, -0.5}) {
        check_product<float>(cuda_exec(), *made.library, transpose_a, transpose_b, beta);
        check_product<double>(cuda_exec(), *made.library, transpose_a, transpose_b, beta);
      }
  check_rank_update(cuda_exec(), *made.library);
  check_solve(cuda_exec(), *made.library);
}

TEST_F(OnDevice, FailuresNameTheCallAndItsValues) {
  void* memory = nullptr;
  const std::size_t too_much = std::size_t{1} << 50;
  EXPECT_THAT(runtime::allocate(too_much, memory).error(),
              ::testing::AllOf(::testing::HasSubstr("cudaMalloc(1125899906842624 bytes)"),
                               ::testing::HasSubstr("cudaErrorMemoryAllocation")));
  EXPECT_EQ(memory, nullptr);
  EXPECT_THAT(runtime::select_device(1000).error(), ::testing::HasSubstr("cudaSetDevice(device 1000)"));
}

TEST(WithoutDevice, SaysWhyAndMakesNoLibrary) {
  const std::string missing = missing_device();
  if (missing.empty()) GTEST_SKIP() << "this machine has a GPU";
  EXPECT_THAT(
      missing,
      ::testing::AnyOf(::testing::HasSubstr("no NVIDIA driver"), ::testing::HasSubstr("driver is too old"),
                       ::testing::HasSubstr("finds no device"), ::testing::HasSubstr("stub")));
  EXPECT_STREQ(runtime::backend_name(), "cuda");
  EXPECT_EQ(device::make_library("").status.error(), missing);
  EXPECT_EQ(gemm::make_library({}).status.error(), missing);
}

}  // namespace
}  // namespace mebm::test

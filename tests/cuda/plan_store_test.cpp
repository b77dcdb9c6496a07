#include "kernels/cudnn/plan_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

namespace mebm::test {
namespace {

using kernels::cudnn::PlanStore;

class CudnnPlanStore : public ::testing::Test {
 protected:
  void TearDown() override { std::remove(file_.c_str()); }
  std::string reading(const std::string& text) const {
    std::ofstream(file_) << text;
    return PlanStore().read(file_).error();
  }
  const std::string file_ = ::testing::TempDir() + "mebm_plan_store_" +
                            ::testing::UnitTest::GetInstance()->current_test_info()->name() + ".json";
};

TEST_F(CudnnPlanStore, KeepsPlansInAFile) {
  PlanStore store;
  ASSERT_TRUE(store.read(file_).ok()) << "a file that does not exist is an empty store";
  store.put("one", R"({"engine": "7"})");
  store.put("two", "text");
  ASSERT_TRUE(store.write(file_).ok());
  PlanStore again;
  ASSERT_TRUE(again.read(file_).ok());
  ASSERT_NE(again.find("one"), nullptr);
  EXPECT_EQ(*again.find("one"), R"({"engine": "7"})");
  EXPECT_EQ(*again.find("two"), "text");
  EXPECT_EQ(again.find("three"), nullptr);
}

TEST_F(CudnnPlanStore, NamesTheFileItCannotRead) {
  EXPECT_EQ(reading("{"), file_ + ": not readable as JSON; delete the file to choose plans anew");
  EXPECT_EQ(reading("{}"), file_ + ": has no object \"plans\"; delete the file to choose plans anew");
  EXPECT_EQ(reading(R"({"plans": {"a": 1}})"),
            file_ + ": the plan of \"a\" is no string; delete the file to choose plans anew");
  EXPECT_EQ(PlanStore().write("/nowhere/plans.json").error(),
            "/nowhere/plans.json.partial: cannot be written");
}

}  // namespace
}  // namespace mebm::test

// inspect: facts as text and JSON; damaged files are told apart.
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/cli/cli_test_util.h"

namespace mebm::testing {
namespace {

class InspectTest : public CliTest {};

TEST_F(InspectTest, PrintsACheckpointAsJson) {
  const std::string model = write_model("m.h5", {"[sampler]\nsteps = 2\n", "logsumexp", true, true});
  const auto json = nlohmann::json::parse(expect_success({"inspect", model, "--json", "--verify"}).out);
  EXPECT_EQ(json.at("format"), "mebm-checkpoint");
  EXPECT_EQ(json.at("version"), 1);
  EXPECT_EQ(json.at("iteration"), 12);
  EXPECT_EQ(json.at("epoch"), 3);
  EXPECT_EQ(json.at("digest").at("state"), "intact");
  EXPECT_EQ(json.at("digest").at("stored"), json.at("digest").at("actual"));
  EXPECT_EQ(json.at("model").at("energy"), "logsumexp");
  EXPECT_EQ(json.at("model").at("width"), 1);
  EXPECT_EQ(json.at("config"), "[sampler]\nsteps = 2\n");
  EXPECT_EQ(json.at("parameters"), make_network(engine::DType::fp32)->config().parameter_count());
  bool found = false;
  for (const auto& tensor : json.at("tensors")) {
    if (tensor.at("path") != "/model/parameters/class_output.weight") continue;
    found = true;
    EXPECT_EQ(tensor.at("shape"), (std::vector<int>{10, 64}));
    EXPECT_EQ(tensor.at("type"), "float32");
    EXPECT_LT(tensor.at("maximum"), 0.125);  // U(-1/sqrt(64), 1/sqrt(64))
    EXPECT_GT(tensor.at("maximum"), 0.11);
  }
  EXPECT_TRUE(found);
}

TEST_F(InspectTest, PrintsTextForPeople) {
  const RunResult checkpoint = expect_success({"inspect", write_model("m.h5"), "--verify"});
  EXPECT_THAT(checkpoint.out, ::testing::ContainsRegex("digest +intact"));
  EXPECT_THAT(checkpoint.out,
              ::testing::ContainsRegex("/model/parameters/f.conv1.weight +float32 +.16, 3, 3, 3."));
  EXPECT_THAT(checkpoint.out, ::testing::HasSubstr("verified"));
  EXPECT_EQ(checkpoint.err, "");
  const RunResult images = expect_success({"inspect", write_images("x.h5", 4)});
  EXPECT_THAT(images.out, ::testing::ContainsRegex("/images +float32 +.4, 3, 8, 8."));
}

TEST_F(InspectTest, DamagedFilesEndWithStatus2) {
  const std::string model = write_model("m.h5");
  {
    std::fstream file(model, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(20000);
    file.put('\x5a');
    file.put('\x5b');
  }
  const RunResult result = run_engine({"inspect", model, "--verify", "--json"});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(nlohmann::json::parse(result.out).at("digest").at("state"), "digest mismatch");
  EXPECT_THAT(result.err, ::testing::HasSubstr("its SHA-256 is"));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1);
  std::filesystem::resize_file(model, 30000);
  EXPECT_THAT(run_engine({"inspect", model}).err, ::testing::HasSubstr("is truncated"));
  expect_bad_input({"inspect", at("absent.h5")}, "No such file");
  std::ofstream(at("text.h5")) << "no HDF5 file";
  expect_bad_input({"inspect", at("text.h5")}, "is no HDF5 file");
}

}  // namespace
}  // namespace mebm::testing

// Command lines that cannot run: exit status 2, one line, nothing written.
#include <unistd.h>

#include "tests/cli/cli_test_util.h"

namespace mebm::testing {
namespace {

class BadUsageTest : public CliTest {
 protected:
  std::vector<std::string> sample_with(std::vector<std::string> options) const {
    std::vector<std::string> words{"sample",     "--checkpoint", at("m.h5"), "--out",
                                   at("out.h5"), "--threads",    "1"};
    words.insert(words.end(), options.begin(), options.end());
    return words;
  }
};

TEST_F(BadUsageTest, MisspeltNamesSuggestTheNearest) {
  expect_bad_input({"smaple"}, "unknown command 'smaple'; did you mean 'sample'?");
  expect_bad_input({"sample", "--chekpoint", "x"},
                   "unknown option '--chekpoint'; did you mean '--checkpoint'?");
  expect_bad_input({"score", "--input-gradeint"},
                   "unknown option '--input-gradeint'; did you mean '--input-gradient'?");
  expect_bad_input({"sample", "--energy=hed"}, "did you mean 'head'?");
  expect_bad_input({}, "mebm_engine --help");
}

TEST_F(BadUsageTest, NumbersOutOfRange) {
  write_model("m.h5");
  for (const std::string count : {"0", "-3", "99999999999999999999", "1e3", "many"})
    expect_bad_input(sample_with({"--count", count, "--init", "uniform"}), "--count");
  // 3.3 TB of images.
  expect_bad_input(sample_with({"--count", "4294967000", "--init", "uniform"}), "GB of memory");
  for (const std::string option : {"--steps", "--step-size", "--noise", "--gradient-clamp", "--pixel-clamp"})
    expect_bad_input(sample_with({"--count", "1", "--init", "uniform", option, "-1"}),
                     option + " -1 is outside");
  expect_bad_input(sample_with({"--count", "1", "--init", "uniform", "--noise", "nan"}), "--noise nan");
  expect_bad_input({"score", "--checkpoint", at("m.h5"), "--images", write_images("x.h5", 2), "--out",
                    at("out.h5"), "--batch-size", "0"},
                   "--batch-size 0 is outside");
}

TEST_F(BadUsageTest, PrecisionsAndDevicesThatAreNotThere) {
  write_model("m.h5");
  const auto with = [&](const std::string& option, const std::string& value) {
    return std::vector<std::string>{"sample", "--checkpoint", at("m.h5"), "--out", at("out.h5"), "--count",
                                    "1",      option,         value};
  };
  expect_bad_input(with("--precision", "bf16"), "--precision bf16: not available on the CPU");
  expect_bad_input(with("--precision", "tf32"), "--precision tf32: not available on the CPU");
  expect_bad_input(with("--precision", "fp16"), "unknown precision");
  expect_bad_input(with("--device", "cuda:1"), "cuda:1");
  expect_bad_input(with("--device", "tpu"), "known: auto, cpu, cuda");
  for (const std::string threads : {"-1", "4097"})
    expect_bad_input(with("--threads", threads), "--threads " + threads + " is outside 0 ... 4096");
  expect_bad_input(with("--seed", "-1"), "--seed");
  expect_bad_input(with("--seed", "9223372036854775808"),
                   "--seed 9223372036854775808 is outside 0 ... 9223372036854775807");
}

TEST_F(BadUsageTest, OptionsThatContradictEachOther) {
  write_model("m.h5");
  const std::string images = write_images("x.h5", 3);
  expect_bad_input(sample_with({"--init", "uniform"}), "--count is required");
  expect_bad_input(sample_with({"--init", "uniform", "--init-images", images}), "--init-images");
  expect_bad_input(sample_with({"--init-images", images, "--count", "4"}), "holds 3 images");
  expect_bad_input(sample_with({"--count", "1", "--init", "uniform", "--energy", "class"}), "needs --class");
  expect_bad_input(sample_with({"--count", "1", "--init", "uniform", "--class", "1"}),
                   "--class is for --energy class");
  expect_bad_input(sample_with({"--count", "1", "--init", "uniform", "--energy", "class", "--class", "10"}),
                   "--class 10 is outside 0 ... 9");
  expect_bad_input(sample_with({"--count", "1", "--init", "buffer", "--initial-distribution", images}),
                   "--init p0");
}

TEST_F(BadUsageTest, OutputsThatCannotBeWritten) {
  write_model("m.h5");
  const auto to = [&](const std::string& out) {
    return std::vector<std::string>{"sample", "--checkpoint", at("m.h5"), "--count", "1",
                                    "--init", "uniform",      "--out",    out};
  };
  expect_bad_input(to(at("absent/out.h5")), "does not exist; create it");
  expect_bad_input(to(directory_.string()), "is a directory");
  expect_bad_input(to(""), "--out '' is empty; give a value");
  expect_bad_input(to(at("m.h5")), "would overwrite the input");
  expect_bad_input(to(at("out.jpg")), "neither");
  if (geteuid() == 0) expect_bad_input(to("/proc/out.h5"), "cannot be written");
}

TEST_F(BadUsageTest, SelftestNeedsADevice) {
  expect_bad_input({"selftest", "--device", "cpu"}, "--device cpu: selftest compares a GPU with the CPU");
  expect_bad_input({"selftest", "--device", "tpu"}, "unknown device; known: auto, cpu, cuda");
  // No machine has so many, and a build without CUDA none.
  expect_bad_input({"selftest", "--device", "cuda:99"}, "--device cuda");
}

TEST_F(BadUsageTest, HelpDocumentsEveryOption) {
  for (const std::string command :
       {"train", "sample", "score", "evaluate", "fit-init", "inspect", "verify-data", "selftest"}) {
    const RunResult result = expect_success({command, "--help"});
    EXPECT_THAT(result.out, ::testing::HasSubstr("(default: ")) << command;
    EXPECT_EQ(result.err, "");
    EXPECT_THAT(result.out, ::testing::Not(::testing::HasSubstr("TEXT"))) << "CLI11's own name of a value";
    if (command == "inspect" || command == "verify-data" || command == "selftest") continue;
    EXPECT_THAT(result.out, ::testing::HasSubstr("0: one per physical core"));
    EXPECT_THAT(result.out, ::testing::HasSubstr("0 ... 2^63 - 1"));
  }
  for (const std::string option :
       {"--checkpoint", "--count", "--steps", "--step-size", "--noise", "--gradient-clamp", "--pixel-clamp",
        "--energy", "--class", "--init ", "--init-images", "--initial-distribution", "--out", "--device",
        "--precision", "--threads", "--seed"})
    EXPECT_THAT(expect_success({"sample", "--help"}).out, ::testing::HasSubstr(option));
}

}  // namespace
}  // namespace mebm::testing

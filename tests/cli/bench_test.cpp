// `bench step` and `bench kernels` on the smallest networks; nothing is asserted about how fast anything is.
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/cli/cli_test_util.h"

namespace mebm::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using Words = std::vector<std::string>;

class BenchTest : public CliTest {
 protected:
  // The smallest iteration; `more` may hold other values of the same options.
  static Words step(const Words& more = {}) {
    Words words{"bench", "step"};
    const std::pair<const char*, const char*> small[] = {
        {"--depth", "10"}, {"--width", "1"},      {"--size", "8"},   {"--k", "1"},
        {"--batch", "2"},  {"--iterations", "3"}, {"--warmup", "1"}, {"--threads", "1"}};
    for (const auto& [option, value] : small)
      if (std::find(more.begin(), more.end(), option) == more.end())
        words.insert(words.end(), {option, value});
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  json figures(const Words& more) const {
    Words words = step(more);
    words.push_back("--json");
    return json::parse(expect_success(words).out);
  }
  // An executable that is given to --python, with the peer's script as its first argument.
  std::string script(const std::string& text) const {
    const std::string path = at("python");
    std::ofstream(path) << "#!/bin/sh\n" << text << "\n";
    chmod(path.c_str(), 0700);
    return path;
  }
  Words compared(const std::string& python, const Words& more = {}) const {
    Words words = step({"--compare", "pytorch", "--python", python, "--mode", "tuned"});
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
};

TEST_F(BenchTest, StepPrintsOneObject) {
  const json mebm = figures({});
  EXPECT_EQ(mebm["model"], "WRN-10-1");
  EXPECT_EQ(mebm["k"], 1);
  EXPECT_EQ(mebm["batch"], 2);
  EXPECT_EQ(mebm["labelled"], 0);
  EXPECT_EQ(mebm["size"], 8);
  EXPECT_EQ(mebm["iterations"], 3);
  EXPECT_EQ(mebm["threads"], 1);
  EXPECT_EQ(mebm["precision"], "fp32");
  EXPECT_THAT(mebm["engine"].get<std::string>(), HasSubstr("mebm_engine "));
  EXPECT_FALSE(mebm["device"].get<std::string>().empty());
  EXPECT_GT(mebm["minimum"].get<double>(), 0);
  EXPECT_GE(mebm["seconds_per_iteration"], mebm["minimum"]);
  EXPECT_GT(mebm["peak_bytes"].get<std::int64_t>(), 0);
  EXPECT_GT(mebm["floor_seconds"].get<double>(), 0);
  EXPECT_DOUBLE_EQ(mebm["share_of_floor"],
                   mebm["floor_seconds"].get<double>() / mebm["seconds_per_iteration"].get<double>());
  double counted = 0;
  for (const json& one : mebm["convolutions"])
    counted +=
        0.5e9 * one["gigaflops"].get<double>() * one["seconds"].get<double>() * one["count"].get<double>();
  EXPECT_NEAR(counted / mebm["multiply_adds"].get<double>(), 1, 1e-9);
  EXPECT_FALSE(mebm.contains("peers"));
}

TEST_F(BenchTest, LabelledImagesAddTheirPasses) {
  // Forward, back to the images and to the weights for each, but for the first layer's way to the image.
  const double network = figures({"--k", "0", "--batch", "1"})["multiply_adds"];
  const json mjem = figures({"--k", "0", "--batch", "1", "--labelled", "2"});
  EXPECT_EQ(mjem["labelled"], 2);
  EXPECT_EQ(mjem["multiply_adds"], 2 * network);
}

TEST_F(BenchTest, WithoutJsonATable) {
  const std::string text = expect_success(step()).out;
  for (const std::string word :
       {"M-EBM WRN-10-1, K = 1, batch 2", "mebm_engine", "median", "share of this floor"})
    EXPECT_THAT(text, HasSubstr(word));
}

TEST_F(BenchTest, APeerRunsInTurn) {
  const std::string python = script("echo \"$*\" >\"" + at("words") + "\"; env >\"" + at("environment") +
                                    "\"\n"
                                    "echo '{\"ready\": true}'\n"
                                    "while read n; do echo 1000; done\n"
                                    "echo '{\"torch\": \"9.9\", \"mode\": \"tuned\", \"peak_bytes\": 4096}'");
  Words words = compared(python, {"--seed", "5", "--labelled", "4", "--json"});
  const json all = json::parse(expect_success(words).out);
  ASSERT_EQ(all["peers"].size(), 1u);
  const json& peer = all["peers"][0];
  EXPECT_EQ(peer["torch"], "9.9");
  EXPECT_EQ(peer["mode"], "tuned");
  EXPECT_EQ(peer["seconds_per_iteration"], 1000);
  EXPECT_EQ(peer["iterations"], 3);
  EXPECT_EQ(peer["peak_bytes"], 4096);
  EXPECT_DOUBLE_EQ(peer["ratio"], 1000 / all["seconds_per_iteration"].get<double>());
  EXPECT_GT(peer["ratio_of_pairs"].get<double>(), 0);
  EXPECT_DOUBLE_EQ(peer["memory_ratio"], 4096 / all["peak_bytes"].get<double>());
  std::ifstream file(at("words"));
  const std::string said{std::istreambuf_iterator<char>(file), {}};
  EXPECT_THAT(
      said, HasSubstr("bench/peer/pytorch_step.py --depth 10 --width 1 --size 8 --k 1 --batch 2 --labelled 4 "
                      "--threads 1 --seed 5 --mode tuned --precision fp32 --device cpu --interactive"));
  if (std::getenv("GOMP_SPINCOUNT") != nullptr) return;
  std::ifstream environment(at("environment"));
  const std::string variables{std::istreambuf_iterator<char>(environment), {}};
  EXPECT_THAT(variables, ::testing::Not(HasSubstr("GOMP_SPINCOUNT")))
      << "the engine's own setting slows the peer";
  EXPECT_THAT(expect_success(compared(python)).out, HasSubstr("PyTorch 9.9 tuned"));
}

TEST_F(BenchTest, BothModesByDefault) {
  const std::string python = script("echo \"$*\" >>\"" + at("words") +
                                    "\"; echo '{}'; while read n; do echo 1; done; "
                                    "echo '{\"torch\": \"1\", \"mode\": \"m\", \"peak_bytes\": 1}'");
  const json all = figures({"--compare", "pytorch", "--python", python});
  EXPECT_EQ(all["peers"].size(), 2u);
  std::ifstream file(at("words"));
  std::string first, second;
  std::getline(file, first);
  std::getline(file, second);
  EXPECT_THAT(first, HasSubstr("--mode reference"));
  EXPECT_THAT(second, HasSubstr("--mode tuned"));
}

TEST_F(BenchTest, APeerThatDiesFailsTheRun) {
  const std::string python = script("echo '{}'; read n; echo 1; read n; echo out of memory >&2; exit 9");
  const RunResult result = run_engine(compared(python));
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(
      result.err,
      HasSubstr("--compare pytorch (tuned): ended after 1 iterations (exit status 9: out of memory)"));
}

TEST_F(BenchTest, NoPythonNoTorchIsBadInput) {
  expect_bad_input(compared("/nowhere/python3"),
                   "cannot run /nowhere/python3: No such file or directory; install");
  expect_bad_input(compared(script("echo '{\"error\": \"cannot import torch; install it\"}'; exit 3")),
                   "--compare pytorch (tuned): cannot import torch; install it");
}

TEST_F(BenchTest, ThePeerItselfAnswers) {
  const std::string python = "/usr/bin/python3";
  if (std::system((python + " -c 'import torch' 2>/dev/null").c_str()) != 0)
    GTEST_SKIP() << python << " has no torch (Debian: python3-torch)";
  Words words =
      step({"--compare", "pytorch", "--python", python, "--iterations", "1", "--labelled", "2", "--json"});
  const json all = json::parse(expect_success(words).out);
  ASSERT_EQ(all["peers"].size(), 2u);
  EXPECT_EQ(all["peers"][0]["mode"], "reference");
  EXPECT_EQ(all["peers"][1]["mode"], "tuned");
  for (const json& peer : all["peers"]) {
    EXPECT_EQ(peer["model"], "WRN-10-1");
    EXPECT_EQ(peer["labelled"], 2);
    EXPECT_GT(peer["seconds_per_iteration"].get<double>(), 0);
    EXPECT_EQ(peer["device"], "cpu x1");
  }
}

TEST_F(BenchTest, BadInput) {
  expect_bad_input({"bench"}, "bench needs to know what, right after it: step, kernels");
  expect_bad_input({"bench", "kernel"},
                   "unknown bench 'kernel'; known: step, kernels; did you mean 'kernels'?");
  expect_bad_input(step({"--iteration", "3"}), "unknown option '--iteration'; did you mean '--iterations'?");
  expect_bad_input(step({"--seed", "x"}), "--seed x is no integer; see mebm_engine bench step --help");
  const std::pair<Words, std::string> wrong[] = {
      {{"--k", "-1"}, "--k -1 is outside"},
      {{"--batch", "0"}, "--batch 0 is outside"},
      {{"--labelled", "-3"}, "--labelled -3 is outside"},
      {{"--iterations", "0"}, "--iterations 0 is outside"},
      {{"--warmup", "-1"}, "--warmup -1 is outside"},
      {{"--seconds", "-1"}, "--seconds -1 is outside"},
      {{"--depth", "11"}, "model depth 11 is not 6n + 4"},
      {{"--width", "0"}, "model width 0 is outside"},
      {{"--size", "7"}, "model image_size 7 is outside"},
      {{"--precision", "fp16"}, "unknown precision"},
      {{"--convolution", "fft"}, "winograd"},
      {{"--convolution", "winograd", "--precision", "fp64"}, "is for fp32 on the CPU"},
      {{"--compare", "tensorflow"}, "pytorch"},
      {{"--compile", "cudagraphs"}, "--compile concerns the peer; add --compare pytorch"},
      {{"--compare", "pytorch", "--precision", "fp64"}, "the peer has fp32, tf32 and bf16"}};
  for (const auto& [words, message] : wrong) {
    Words all{"bench", "step"};
    all.insert(all.end(), words.begin(), words.end());
    expect_bad_input(all, message);
  }
}

TEST_F(BenchTest, KernelsPrintsRowsWithRates) {
  const Words words{"bench",     "kernels", "--only",    "linear backward weights",
                    "--seconds", "0.001",   "--threads", "1"};
  Words as_json = words;
  as_json.push_back("--json");
  const json all = json::parse(expect_success(as_json).out);
  EXPECT_GT(all["ceilings"]["copy_gigabytes_per_second"].get<double>(), 0);
  EXPECT_GT(all["ceilings"]["product_gigaflops"].get<double>(), 0);
  EXPECT_EQ(all["rows"].size(), 4u);  // 640 and 128 features, 1 and 10 outputs
  for (const json& row : all["rows"]) {
    EXPECT_EQ(row["op"], "linear backward weights");
    EXPECT_GT(row["seconds"].get<double>(), 0);
    EXPECT_NEAR(
        row["share_of_ceiling"].get<double>() * all["ceilings"]["copy_gigabytes_per_second"].get<double>(),
        row["gigabytes_per_second"].get<double>(), 1e-6);
  }
  EXPECT_THAT(expect_success(words).out, HasSubstr("128x640 -> 10"));
}

TEST_F(BenchTest, KernelsBadInput) {
  expect_bad_input({"bench", "kernels", "--only", "convulsion"}, "no operation has this in its name");
  expect_bad_input({"bench", "kernels", "--seconds", "-1"}, "--seconds -1 is outside");
  expect_bad_input({"bench", "kernels", "--precision", "fp64"}, "bench kernels has fp32, tf32 and bf16");
}

}  // namespace
}  // namespace mebm::testing

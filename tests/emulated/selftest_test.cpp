// The selftest on the emulator: that everything passes, and that what is wrong is found and named.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <limits>
#include <random>
#include <set>
#include <string>

#include "engine/core/error.h"
#include "selftest/table.h"

namespace mebm::test {
namespace {

using selftest::Report;
using selftest::Result;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

selftest::Options quick(std::uint64_t seed) {
  selftest::Options options;
  options.device = {engine::DeviceKind::cuda, 0};
  options.seed = seed;
  options.quick = true;
  return options;
}

std::string failures(const Report& report) {
  std::string text;
  for (const Result& result : report.results)
    if (!result.failure.empty()) text += selftest::table_line(result);
  return text;
}

const std::set<std::string> kOps = {"first convolution",
                                    "first convolution backward data",
                                    "first convolution backward weights",
                                    "convolution",
                                    "convolution + residual",
                                    "convolution backward data",
                                    "convolution backward weights",
                                    "batch norm + LeakyReLU",
                                    "batch norm",
                                    "batch norm backward",
                                    "batch norm backward + parameters",
                                    "LeakyReLU",
                                    "LeakyReLU backward",
                                    "fold statistics",
                                    "average pooling",
                                    "average pooling backward",
                                    "copy to features",
                                    "copy from features",
                                    "clone",
                                    "multiply",
                                    "fill",
                                    "sum",
                                    "sum of squares",
                                    "broadcast",
                                    "write",
                                    "SGD step",
                                    "linear",
                                    "linear backward input",
                                    "linear backward weights",
                                    "logsumexp",
                                    "logsumexp backward",
                                    "gather class",
                                    "gather class backward",
                                    "cross-entropy",
                                    "cross-entropy backward",
                                    "Langevin step",
                                    "normals",
                                    "uniforms",
                                    "draw of p0",
                                    "draws of a fitted p0",
                                    "Gaussian fit",
                                    "Cholesky factor",
                                    "draw chains",
                                    "write chains back",
                                    "load images",
                                    "4 iterations"};

TEST(EmulatedSelftest, EveryOpPasses) {
  const Report report = selftest::run(quick(1), [](const Report& so_far, const Result& result) {
    if (so_far.results.size() == 1) std::printf("%s", selftest::table_head(so_far).c_str());
    std::printf("%s", selftest::table_line(result).c_str());
  });
  EXPECT_EQ(report.failed(), 0) << failures(report);
  EXPECT_TRUE(report.emulated);
  std::set<std::string> ops, types;
  for (const Result& result : report.results) {
    ops.insert(result.op.substr(0, result.op.find(',')));
    types.insert(result.type);
    EXPECT_FALSE(result.milliseconds) << "a time of the emulator says nothing";
  }
  EXPECT_EQ(types, (std::set<std::string>{"bf16", "fp32", "tf32"}));
  EXPECT_THAT(ops, IsSupersetOf(kOps));
  EXPECT_THAT(selftest::summary(report),
              HasSubstr("selftest: " + std::to_string(report.results.size()) + " passed, 0 failed"));
}

// What a disturbance of one op's outputs leads to: the failures of that op, and no other's.
void expect_found(const std::string& op, const std::function<void(std::vector<double>&)>& disturbance,
                  const std::string& message) {
  selftest::Options options = quick(2);
  options.only = op.substr(0, op.find(' '));  // and what is named alike
  options.disturb = [&](const std::string& name, std::vector<double>& values) {
    if (name == op) disturbance(values);
  };
  const Report report = selftest::run(options);
  EXPECT_GT(report.failed(), 0) << op;
  for (const Result& result : report.results) {
    EXPECT_EQ(result.failure.empty(), result.op != op) << selftest::table_line(result);
    if (result.op == op) {
      EXPECT_THAT(selftest::table_line(result), HasSubstr("FAILED " + op + ", " + result.shape));
      EXPECT_THAT(result.failure, HasSubstr(message));
    }
  }
  EXPECT_THAT(selftest::summary(report), HasSubstr(std::to_string(report.failed()) + " failed"));
}

TEST(EmulatedSelftest, AWrongValueIsFoundAndItsOpNamed) {
  expect_found(
      "batch norm + LeakyReLU", [](std::vector<double>& values) { values.back() += 0.1; }, "is beyond");
}

TEST(EmulatedSelftest, AWrongDigitOfAFitIsFound) {
  expect_found(
      "Cholesky factor", [](std::vector<double>& values) { values.back() *= 1 + 1e-7; }, "is beyond 1e-10");
}

TEST(EmulatedSelftest, AValueNobodyWroteIsFound) {
  expect_found(
      "fill", [](std::vector<double>& values) { values[0] = std::numeric_limits<double>::quiet_NaN(); },
      "error inf");
}

TEST(EmulatedSelftest, TwoRunsThatDifferAreFound) {
  int calls = 0;
  expect_found(
      "normals", [&](std::vector<double>& values) { values[1] *= 1 + 1e-7 * (++calls % 2); },
      "two runs differ");
}

TEST(EmulatedSelftest, AWrongIterationIsFound) {
  selftest::Options options = quick(3);
  options.only = "iterations, slope";
  options.disturb = [](const std::string& name, std::vector<double>& values) {
    if (name == "4 iterations, slope 1") values[0] += 1e-3;
  };
  const Report report = selftest::run(options);
  EXPECT_EQ(report.failed(), 1) << failures(report);
  EXPECT_THAT(failures(report),
              HasSubstr("FAILED 4 iterations, slope 1, WRN-10-1 8x8, fp32: the weights' update"));
}

TEST(EmulatedSelftest, ANameThatNoOpHasIsABadInput) {
  selftest::Options options = quick(1);
  options.only = "convolutoin";
  EXPECT_THAT([&] { selftest::run(options); },
              testing::ThrowsMessage<engine::InputError>(HasSubstr("--only 'convolutoin'")));
}

TEST(EmulatedSelftest, ADeviceThatIsNotThereIsABadInput) {
  selftest::Options options = quick(1);
  options.device.index = 7;
  EXPECT_THROW(selftest::run(options), engine::InputError);
}

}  // namespace
}  // namespace mebm::test

// What would lose files, hang, or compute something else than was asked for is refused before anything is
// done.
#include <sys/stat.h>

#include <cmath>
#include <functional>

#include "tests/cli/train_test_util.h"

namespace mebm::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class RefusalsTest : public TrainTest {
 protected:
  void refuse(const Words& extra, const std::string& message) const {
    expect_refused(train("out", extra), message);
  }
  Words sample(const std::string& model, const Words& extra) const {
    Words words{"sample", "--checkpoint", at(model), "--count", "2", "--threads", "1"};
    words.insert(words.end(), extra.begin(), extra.end());
    return words;
  }
  std::string pipe(const std::string& name) const {
    EXPECT_EQ(mkfifo(at(name).c_str(), 0600), 0);
    return at(name);
  }
  // A Gaussian over the images: N(0, 0.25 I) as `dataset`, one element changed.
  std::string write_gaussian(const std::string& name, const std::string& dataset, double diagonal,
                             std::size_t changed, double value) const {
    const std::vector<double> mean(kPixels, 0);
    std::vector<double> matrix(kPixels * kPixels, 0);
    for (std::size_t i = 0; i < matrix.size(); i += kPixels + 1) matrix[i] = diagonal;
    matrix[changed] = value;
    engine::Hdf5Writer writer;
    writer.make_group("/initial_distribution");
    writer.set_attribute("/initial_distribution", "kind", "gaussian");
    writer.write("/initial_distribution/mean", {kPixels}, mean.data());
    writer.write("/initial_distribution/" + dataset, {kPixels, kPixels}, matrix.data());
    engine::write_file(at(name), writer);
    return at(name);
  }
};

TEST_F(RefusalsTest, ATraceReplacesNoFile) {
  const std::string trace = write_images("trace.h5", 2), before = bytes_of(trace);
  refuse(set({"run.trace=" + trace}), "trace.h5: exists and is not replaced; name another file");
  refuse({"--dry-run", "--set", "run.trace=" + trace}, "exists and is not replaced");
  EXPECT_EQ(bytes_of(trace), before);
}

TEST_F(RefusalsTest, AResumedRunKeepsTheFirstPartOfItsTrace) {
  expect_success(train("run", {"--set", "run.trace=" + at("first.h5"), "--max-iterations", "2"}));
  const std::string before = bytes_of(at("first.h5"));
  expect_refused(resume("run"), "first part of this run; name another file", "none");
  expect_success(resume("run", {"--set", "run.trace=" + at("second.h5"), "--max-iterations", "3"}));
  EXPECT_EQ(bytes_of(at("first.h5")), before);
  EXPECT_EQ(read("second.h5", "/iteration/2/loss").size(), 1u);
  expect_success(resume("run", {"--set", "run.trace=", "--max-iterations", "4"}));
}

TEST_F(RefusalsTest, ResumeNamesTheRunDirectoryAndAdvisesNoRemoval) {
  expect_success(train("run", {"--max-iterations", "1"}));
  for (const std::string inside :
       {"run/checkpoints", "run/checkpoints/", "run/config.toml", "run/checkpoints/iteration-0000001.h5"})
    expect_refused(resume(inside),
                   "lies inside a run directory; give the run directory itself: --out " + at("run"), "none");
  expect_refused(resume("images.h5"), "images.h5 is a file; give the run directory", "none");
  expect_refused(resume("none"), "none does not exist", "none");
  EXPECT_THAT(run_engine(resume("none")).err, Not(HasSubstr("remove")));
}

TEST_F(RefusalsTest, NumbersAreReadWhole) {
  refuse({"--max-iterations", "99999999999999999999"}, "--max-iterations 99999999999999999999 is outside");
  refuse({"--max-iterations", "12x"}, "--max-iterations 12x is no integer; see mebm_engine train --help");
  refuse({"--max-iterations", "1.5"}, "is no integer");
  write_model("m.h5");
  expect_bad_input(sample("m.h5", {"--seed", "-1", "--out", at("out.h5")}),
                   "--seed -1 is outside 0 ... 9223372036854775807");
  expect_bad_input(sample("m.h5", {"--steps", "2147483648", "--out", at("out.h5")}),
                   "--steps 2147483648 is outside");
  expect_bad_input(sample("m.h5", {"--noise", "1e999", "--out", at("out.h5")}), "--noise 1e999");
  expect_bad_input(sample("m.h5", {"--noise", "few", "--out", at("out.h5")}), "--noise few is no number");
  expect_bad_input(sample("m.h5", {"--count", "3", "--out", at("out.h5")}),
                   "--count is given more than once");
  expect_bad_input({"sample", "--checkpoint", "", "--out", at("out.h5")}, "--checkpoint '' is empty");
  expect_bad_input({"sample", "--count"}, "--count needs a value; see mebm_engine sample --help");
  expect_bad_input({"--count", "3"}, "the command comes first");
}

TEST_F(RefusalsTest, ConfigurationsThatAreNoFiles) {
  refuse({"--config", directory_.string()}, directory_.string() + ": is a directory, expected a TOML file");
  refuse({"--config", at("no.toml")}, "no.toml: cannot be read: No such file or directory");
  refuse({"--config", pipe("pipe.toml")}, "is no regular file");
  refuse(set({"optimizer.milestones=[1.5]"}), "not a list with a number with a fraction");
}

TEST_F(RefusalsTest, StartsOfAnotherKindThanConfigured) {
  const std::string file = write_gaussian("p0.h5", "factor", 0.5, 0, 0.5);
  refuse({"--initial-distribution", file, "--set", "init.kind=uniform"},
         "holds a gaussian distribution, init.kind is \"uniform\"");
  refuse({"--initial-distribution", file, "--set", "objective.energy_weight=0", "--set",
          "objective.classifier_weight=1"},
         "nothing is sampled with objective.energy_weight = 0");
}

TEST_F(RefusalsTest, MatricesThatAreNeitherLowerNorSymmetric) {
  const auto refuse_file = [&](const std::string& file, const std::string& message) {
    refuse({"--initial-distribution", file}, message);
    expect_bad_input(sample("m.h5", {"--initial-distribution", file, "--out", at("out.h5")}), message);
  };
  write_model("m.h5");
  refuse_file(write_gaussian("upper.h5", "factor", 0.5, 1, 0.25), "is not lower triangular: 0.25 at [0, 1]");
  refuse_file(write_gaussian("skew.h5", "covariance", 0.25, 1, 0.125), "is not symmetric: 0.125 at [0, 1]");
  for (const auto& [dataset, value] : {std::pair{"factor", 1e-9}, std::pair{"covariance", 1e-7}})
    expect_success(sample("m.h5", {"--initial-distribution", write_gaussian("r.h5", dataset, 0.5, 1, value),
                                   "--out", at("rounded.h5")}));
}

TEST_F(RefusalsTest, NegativeVariances) {
  const auto network = make_network(engine::DType::fp32);
  for (const models::NamedBuffer& buffer : network->buffers())
    if (buffer.name == "f.bn1.running_var") buffer.tensor->as<float>()[3] = -0.5f;
  ebm::CheckpointContents contents;
  contents.model = network.get();
  ebm::write_checkpoint(at("m.h5"), contents);
  const std::string message = "f.bn1.running_var holds -0.5 at element 3; a variance is not negative";
  expect_bad_input(sample("m.h5", {"--init", "uniform", "--out", at("out.h5")}), message);
  expect_bad_input({"score", "--checkpoint", at("m.h5"), "--images", images_, "--out", at("out.h5")},
                   message);
  expect_bad_input({"evaluate", "--checkpoint", at("m.h5"), "--data", images_}, message);
  expect_bad_input({"inspect", at("m.h5"), "--verify"}, message);
  refuse({"--weights", at("m.h5")}, message);
}

TEST_F(RefusalsTest, OutputsThatCannotBeNamed) {
  write_model("m.h5");
  const std::string name(300, 'n'), message = "is too long; names have at most 247";
  for (const std::string& out : {at(name + ".h5"), at(name + "/out.h5")}) {
    expect_bad_input(sample("m.h5", {"--init", "uniform", "--out", out}), message);
    expect_bad_input({"score", "--checkpoint", at("m.h5"), "--images", images_, "--out", out}, message);
    expect_bad_input({"fit-init", "--data", images_, "--out", out}, message);
    refuse(set({"run.trace=" + out}), message);
  }
  for (const std::string& out : {name, name + "/run", "a/" + name})
    for (const Words& extra : {Words{}, Words{"--dry-run"}}) expect_refused(train(out, extra), message, "a");
  expect_bad_input({"score", "--checkpoint", at("m.h5"), "--images", images_, "--out", at("out.txt")},
                   "out.txt: ends in neither .h5 nor .hdf5");
  expect_bad_input({"fit-init", "--data", images_, "--out", at("out.txt")}, "ends in neither .h5 nor .hdf5");
  expect_bad_input({"fit-init", "--data", images_, "--out", pipe("pipe.h5")}, "cannot be replaced");
}

TEST_F(RefusalsTest, PipesAreNotWaitedFor) {
  write_model("m.h5");
  const std::string file = pipe("pipe.h5"), archive = pipe("pipe.tar");
  expect_bad_input({"inspect", file}, "is no regular file");
  expect_bad_input(sample("m.h5", {"--init-images", file, "--out", at("out.h5")}), "is no regular file");
  expect_bad_input({"score", "--checkpoint", file, "--images", images_, "--out", at("out.h5")},
                   "is no regular file");
  expect_bad_input({"evaluate", "--checkpoint", at("m.h5"), "--data", archive}, "nor a regular file");
  expect_bad_input({"verify-data", archive}, "nor a regular file");
  expect_bad_input({"verify-data", archive, "--data-set", "cifar10"}, "pipe.tar holds neither");
  refuse({"--weights", file}, "is no regular file");
  expect_refused(train_on(archive, "out", set({"data.set=cifar10"})), "pipe.tar");
}

}  // namespace
}  // namespace mebm::testing

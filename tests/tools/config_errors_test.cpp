// Every error message of the configuration: the source, the key, the value and what to write instead.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "engine/core/error.h"
#include "tools/config.h"

namespace mebm::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string toml_error(const std::string& text) {
  ebm::Config config;
  try {
    apply_toml(config, text, "run.toml");
  } catch (const engine::InputError& error) {
    return error.what();
  }
  return "no error";
}

std::string set_error(const std::string& assignment) {
  ebm::Config config;
  try {
    apply_set(config, assignment);
  } catch (const engine::InputError& error) {
    return error.what();
  }
  return "no error";
}

TEST(ConfigErrors, UnknownKeySuggestsTheNearest) {
  EXPECT_EQ(toml_error("[sampler]\nstep = 3\n"),
            "run.toml:2:8: unknown key 'sampler.step'; nearest known key: sampler.steps");
  EXPECT_EQ(set_error("model.depht=16"),
            "--set model.depht=16: unknown key 'model.depht'; nearest known key: model.depth");
}

TEST(ConfigErrors, KeyInTheWrongSectionIsFound) {
  EXPECT_THAT(set_error("sampler.learning_rate=1"), HasSubstr("nearest known key: optimizer.learning_rate"));
  EXPECT_THAT(set_error("steps=1"), HasSubstr("unknown key 'steps'; nearest known key: sampler.steps"));
  EXPECT_THAT(toml_error("depth = 28\n"), HasSubstr("unknown key 'depth'; nearest known key: model.depth"));
}

TEST(ConfigErrors, UnknownSectionSuggestsTheNearest) {
  EXPECT_THAT(toml_error("[optimiser]\nmomentum = 0.9\n"),
              HasSubstr("unknown section [optimiser]; nearest known section: [optimizer]"));
  EXPECT_THAT(toml_error("sampler = 3\n"),
              HasSubstr("sampler is a section: write [sampler] and its keys below it"));
}

TEST(ConfigErrors, UnknownRecipeSuggestsTheNearest) {
  EXPECT_EQ(toml_error("recipe = \"cifar10-mebm-k6\"\n"),
            "run.toml:1:10: unknown recipe 'cifar10-mebm-k6'; nearest known recipe: cifar10-mebm-k1");
  try {
    load_recipe("cifar10-mbem-k5");
    FAIL();
  } catch (const engine::InputError& error) {
    EXPECT_EQ(std::string(error.what()),
              "unknown recipe 'cifar10-mbem-k5'; nearest known recipe: cifar10-mebm-k5");
  }
}

TEST(ConfigErrors, TwoRecipesContradict) {
  ConfigSources sources;
  sources.recipe = "cifar10-mebm-k5";
  sources.file_name = "mine.toml";
  sources.file_text = "recipe = \"cifar10-mebm-k2\"\n";
  try {
    resolve(sources);
    FAIL();
  } catch (const engine::InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("builds on recipe 'cifar10-mebm-k2' but recipe 'cifar10-mebm-k5'"));
  }
}

TEST(ConfigErrors, UnknownValueSuggestsTheNearest) {
  EXPECT_EQ(
      set_error("objective.l2_form=refrence"),
      "--set objective.l2_form=refrence: objective.l2_form = \"refrence\" is not a known value; nearest: "
      "reference (known: paper, reference, means)");
}

TEST(ConfigErrors, WhatThisVersionCannotDoIsRefusedByName) {
  for (const char* kind : {"low_resolution", "full_resolution", "per_class", "data"})
    EXPECT_THAT(set_error(std::string("init.kind=") + kind),
                HasSubstr("is not available in this version; known: gaussian, uniform"));
  EXPECT_THAT(set_error("run.convolution=winogradd"), HasSubstr("nearest: winograd"));
  EXPECT_THAT(set_error("run.precision=bf17"), HasSubstr("nearest: bf16"));
  EXPECT_THAT(set_error("model.norm=group"), HasSubstr("not available in this version; known: batch, none"));
  EXPECT_THAT(set_error("data.set=svhn"), HasSubstr("not available in this version; known: cifar10"));
}

TEST(ConfigErrors, WrongTypesNameBoth) {
  EXPECT_EQ(toml_error("[sampler]\nsteps = \"5\"\n"),
            "run.toml:2:9: sampler.steps expects an integer, not text");
  EXPECT_THAT(toml_error("[sampler]\nsteps = 5.0\n"),
              HasSubstr("expects an integer, not a number with a fraction"));
  EXPECT_THAT(toml_error("[data]\naugment = 1\n"),
              HasSubstr("data.augment expects true or false, not an integer"));
  EXPECT_THAT(toml_error("[optimizer]\nmilestones = 60\n"),
              HasSubstr("expects a list of integers such as [60, 120, 180], not an integer"));
  EXPECT_THAT(toml_error("[optimizer]\nmilestones = [60, 1.5]\n"), HasSubstr("expects a list of integers"));
  EXPECT_THAT(toml_error("[model.depth]\nx = 1\n"), HasSubstr("model.depth expects an integer, not a table"));
  EXPECT_THAT(toml_error("[data]\nset = 1979-05-27\n"),
              HasSubstr("data.set expects text, not a date or time"));
  EXPECT_THAT(toml_error("recipe = 5\n"), HasSubstr("recipe expects text, not an integer"));
  EXPECT_EQ(set_error("sampler.steps=many"),
            "--set sampler.steps=many: sampler.steps expects an integer, not 'many'");
  EXPECT_THAT(set_error("sampler.steps=1\nmodel = 2"), HasSubstr("expects one value"));
  EXPECT_THAT(set_error("sampler.steps"), HasSubstr("expects section.key=value"));
  EXPECT_THAT(set_error("sampler.steps="), HasSubstr("expects an integer, not ''"));
}

TEST(ConfigErrors, OutOfRangeNamesTheRange) {
  EXPECT_EQ(toml_error("[sampler]\nsteps = -1\n"),
            "run.toml:2:9: sampler.steps = -1 is out of range; allowed: 0 to 1000000");
  EXPECT_THAT(set_error("model.width=1073741824"),
              HasSubstr("model.width = 1073741824 is out of range; allowed: 1 to 64"));
  EXPECT_THAT(set_error("model.width=99999999999"), HasSubstr("model.width = 99999999999 is out of range"));
  EXPECT_THAT(set_error("sampler.noise=nan"), HasSubstr("sampler.noise = nan is out of range"));
  EXPECT_THAT(set_error("optimizer.learning_rate=inf"), HasSubstr("out of range; allowed: >= 0"));
  EXPECT_THAT(set_error("sampler.step_size=0"), HasSubstr("allowed: > 0"));
  EXPECT_THAT(set_error("run.seed=-1"),
              HasSubstr("run.seed = -1 is out of range; allowed: 0 to 9223372036854775807"));
  EXPECT_THAT(set_error("optimizer.milestones=[60, -2]"),
              HasSubstr("optimizer.milestones = [60, -2] is out of range"));
}

TEST(ConfigErrors, BrokenTomlNamesThePlace) {
  EXPECT_THAT(toml_error("[model]\ndepth = \n"), StartsWith("run.toml:2:"));
  EXPECT_THAT(toml_error("[model]\ndepth = 1\ndepth = 2\n"), HasSubstr("not valid TOML"));
  EXPECT_EQ(toml_error("[model]\ndepth = \n").find('\n'), std::string::npos) << "one line";
}

TEST(ConfigErrors, RecipesAndPublishedFiguresAreNotSet) {
  EXPECT_THAT(set_error("published.fid=1"), HasSubstr("published figures belong to a recipe"));
  EXPECT_THAT(set_error("recipe=x"), HasSubstr("chosen with --recipe"));
}

ebm::Config with(const std::vector<std::string>& sets) {
  ebm::Config config;
  for (const std::string& assignment : sets) apply_set(config, assignment);
  return config;
}

TEST(Validate, AcceptsTheDefaults) {
  EXPECT_THAT(violations(ebm::Config()), ElementsAre());
}

TEST(Validate, NamesEveryViolatedConstraint) {
  EXPECT_THAT(violations(with({"model.depth=27"})),
              ElementsAre("model.depth = 27 is not 6n + 4; nearest: 22 and 28"));
  EXPECT_THAT(violations(with({"data.batch_size=64", "buffer.size=32"})),
              ElementsAre(HasSubstr("data.batch_size = 64 is larger than buffer.size = 32")));
  EXPECT_THAT(violations(with({"optimizer.milestones=[60, 60]"})),
              ElementsAre("optimizer.milestones = [60, 60] is not increasing"));
  EXPECT_THAT(violations(with({"model.energy=logsumexp", "model.num_classes=1"})),
              ElementsAre(HasSubstr("needs at least 2 classes; model.num_classes = 1")));
  EXPECT_THAT(violations(with({"objective.classifier_weight=1", "model.num_classes=0"})),
              ElementsAre(HasSubstr("objective.classifier_weight = 1 needs at least 2 classes")));
  EXPECT_THAT(violations(with({"objective.classifier_weight=1", "data.set=cifar100"})),
              ElementsAre("model.num_classes = 10 but data.set = \"cifar100\" has 100 classes"));
  EXPECT_THAT(violations(with({"objective.energy_weight=0"})), ElementsAre(HasSubstr("nothing to train")));
  EXPECT_THAT(
      violations(with({"run.evaluate_every=5"})),
      ElementsAre(
          "run.evaluate_every = 5 needs a validation split or run.evaluate_samples; data.validation = 0"));
  EXPECT_THAT(violations(with({"init.jitter=0"})), ElementsAre(HasSubstr("singular")));
  EXPECT_THAT(violations(with({"model.depth=27", "buffer.size=1"})).size(), 2u);
}

TEST(Validate, RefusesValuesThatCodeSet) {
  ebm::Config config;
  config.sampler.steps = -1;
  config.run.seed = std::numeric_limits<std::uint64_t>::max();
  config.model.leak = std::numeric_limits<double>::quiet_NaN();
  config.init.kind = "gausian";
  EXPECT_EQ(violations(config).size(), 4u);
  try {
    validate(config);
    FAIL();
  } catch (const engine::InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("sampler.steps = -1 is out of range"));
    EXPECT_THAT(error.what(), HasSubstr("; init.kind = \"gausian\" is not a known value; nearest: gaussian"));
  }
}

TEST(Validate, IgnoresTheSamplerOfAPlainClassifier) {
  EXPECT_THAT(
      violations(with({"objective.energy_weight=0", "objective.classifier_weight=1", "buffer.size=1"})),
      ElementsAre());
}

}  // namespace
}  // namespace mebm::tools

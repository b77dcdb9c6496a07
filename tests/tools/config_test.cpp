// Parsing, overriding and printing of configurations that are in order; errors are in config_errors_test.cpp.
#include "tools/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <sstream>

#include "engine/core/error.h"

namespace mebm::tools {
namespace {

using ::testing::HasSubstr;

TEST(ConfigToml, FillsEveryKindOfKey) {
  ebm::Config config;
  apply_toml(config, R"(
[model]
depth = 16
energy = "logsumexp"
leak = 0.1
[data]
augment = false
[optimizer]
milestones = [3, 5]
learning_rate = 1
[run]
seed = 9223372036854775807
trace = "a \"b\".h5"
)",
             "x.toml");
  EXPECT_EQ(config.model.depth, 16);
  EXPECT_EQ(config.model.energy, "logsumexp");
  EXPECT_EQ(config.model.leak, 0.1);
  EXPECT_FALSE(config.data.augment);
  EXPECT_EQ(config.optimizer.milestones, (std::vector<int>{3, 5}));
  EXPECT_EQ(config.optimizer.learning_rate, 1.0);
  EXPECT_EQ(config.run.seed, 9223372036854775807u);
  EXPECT_EQ(config.run.trace, "a \"b\".h5");
  EXPECT_EQ(config.model.width, 10) << "keys not given keep their value";
}

TEST(ConfigToml, RoundTripsExactlyAwkwardValues) {
  ebm::Config config;
  config.sampler.noise = 0.1 + 0.2;
  config.objective.l2_coefficient = std::numeric_limits<double>::denorm_min();
  config.optimizer.learning_rate = 1e300;
  config.optimizer.weight_decay = 5e-4;
  config.optimizer.milestones = {};
  config.run.trace = "tab\there \"quoted\" back\\slash \x01 \x7f é";
  config.run.seed = std::numeric_limits<std::int64_t>::max();
  config.published = {true, "a row", 93.1, 8.71, 12.1, 6.8, true};
  ebm::Config back;
  apply_toml(back, to_toml(config), "printed");
  EXPECT_EQ(to_toml(back), to_toml(config));
  EXPECT_EQ(back.sampler.noise, config.sampler.noise);
  EXPECT_EQ(back.objective.l2_coefficient, config.objective.l2_coefficient);
  EXPECT_EQ(back.optimizer.learning_rate, config.optimizer.learning_rate);
  EXPECT_TRUE(back.optimizer.milestones.empty());
  EXPECT_EQ(back.run.trace, config.run.trace);
  EXPECT_EQ(back.run.seed, config.run.seed);
  EXPECT_EQ(back.published.fid, 12.1);
  EXPECT_TRUE(back.published.diverged);
}

TEST(ConfigToml, PrintsFloatsShortAndRecognisable) {
  const std::string text = to_toml(ebm::Config());
  EXPECT_THAT(text, HasSubstr("\nnoise = 0.001\n"));
  EXPECT_THAT(text, HasSubstr("\nstep_size = 1.0\n"));
  EXPECT_THAT(text, HasSubstr("\nmilestones = [60, 120, 180]\n"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("[published]")));
}

TEST(ConfigToml, CompleteTextNeedsNoRecipe) {
  ebm::Config config;
  config.recipe = "one-that-was-removed";
  config.model.width = 3;
  ebm::Config back;
  back.model.depth = 10;
  apply_toml(back, to_toml(config), "config.toml");
  EXPECT_EQ(back.recipe, "one-that-was-removed");
  EXPECT_EQ(to_toml(back), to_toml(config));
}

TEST(ConfigToml, FileBuildsOnTheRecipeItNames) {
  ebm::Config config;
  apply_toml(config, "recipe = \"cifar10-mjem-k2\"\n[run]\nepochs = 3\n", "mine.toml");
  EXPECT_EQ(config.recipe, "cifar10-mjem-k2");
  EXPECT_EQ(config.sampler.steps, 2);
  EXPECT_EQ(config.run.epochs, 3);
  EXPECT_TRUE(config.published.present);
}

TEST(ConfigToml, IsUnchangedByAFileWithAnError) {
  ebm::Config config;
  const std::string before = to_toml(config);
  EXPECT_THROW(apply_toml(config, "[model]\ndepth = 16\nwidht = 2\n", "x.toml"), engine::InputError);
  EXPECT_EQ(to_toml(config), before);
}

TEST(ConfigSet, TakesTextsWithoutQuotes) {
  ebm::Config config;
  apply_set(config, "data.set=cifar100");
  apply_set(config, "run.trace=out dir/trace = 1.h5");
  apply_set(config, "optimizer.milestones=[1, 2]");
  apply_set(config, "data.augment=false");
  apply_set(config, "sampler.noise=1e-2");
  apply_set(config, "model.norm=\"none\"");
  EXPECT_EQ(config.data.set, "cifar100");
  EXPECT_EQ(config.run.trace, "out dir/trace = 1.h5");
  EXPECT_EQ(config.optimizer.milestones, (std::vector<int>{1, 2}));
  EXPECT_FALSE(config.data.augment);
  EXPECT_EQ(config.sampler.noise, 0.01);
  EXPECT_EQ(config.model.norm, "none");
}

// A value of the key's type that differs from its default.
std::string other_value(const KeyInfo& key) {
  if (key.type == "true or false") return key.default_value == "true" ? "false" : "true";
  if (key.type == "list of integers") return "[7, 11]";
  if (key.type == "text") {
    if (key.allowed.empty()) return "\"some text\"";
    const std::string last = key.allowed.substr(key.allowed.rfind(' ') + 1);
    return "\"" + last + "\"";
  }
  if (key.type == "number") return "0.625";
  return "13";
}

TEST(ConfigKeys, EachIsSetFromFileAndSetAndPrinted) {
  for (const KeyInfo& key : known_keys()) {
    SCOPED_TRACE(key.name);
    const std::string value = other_value(key);
    const std::string section = key.name.substr(0, key.name.find('.'));
    const std::string name = key.name.substr(key.name.find('.') + 1);
    ebm::Config from_file, from_set;
    apply_toml(from_file, "[" + section + "]\n" + name + " = " + value + "\n", "x.toml");
    apply_set(from_set, key.name + "=" + value);
    EXPECT_EQ(to_toml(from_file), to_toml(from_set));
    EXPECT_THAT(to_toml(from_file), HasSubstr("\n" + name + " = " + value + "\n"));
    if (key.name != "model.architecture" && key.name != "optimizer.name") {
      EXPECT_NE(to_toml(from_file), to_toml(ebm::Config())) << "no member behind the key";
    }
  }
}

TEST(ConfigKeys, NoTwoShareAMember) {
  ebm::Config config;
  std::set<std::string> names;
  for (const KeyInfo& key : known_keys()) {
    EXPECT_TRUE(names.insert(key.name).second) << key.name;
    const std::string before = to_toml(config);
    apply_set(config, key.name + "=" + other_value(key));
    const std::string after = to_toml(config);
    int changed = 0;
    std::istringstream old_lines(before), new_lines(after);
    for (std::string a, b; std::getline(old_lines, a) && std::getline(new_lines, b);) changed += a != b;
    EXPECT_LE(changed, 1) << key.name;
  }
}

TEST(ConfigKeys, CoverTheContract) {
  const std::vector<std::string> contract = {"model.architecture",
                                             "model.depth",
                                             "model.width",
                                             "model.norm",
                                             "model.num_classes",
                                             "model.energy",
                                             "model.leak",
                                             "data.set",
                                             "data.batch_size",
                                             "data.labelled_batch_size",
                                             "data.augment",
                                             "data.augment_positives",
                                             "data.noise",
                                             "data.validation",
                                             "data.test",
                                             "sampler.steps",
                                             "sampler.step_size",
                                             "sampler.noise",
                                             "sampler.gradient_clamp",
                                             "sampler.pixel_clamp",
                                             "sampler.batch_norm",
                                             "buffer.size",
                                             "buffer.reinit_probability",
                                             "init.kind",
                                             "init.jitter",
                                             "objective.l2_coefficient",
                                             "objective.l2_form",
                                             "objective.classifier_weight",
                                             "objective.energy_weight",
                                             "optimizer.name",
                                             "optimizer.learning_rate",
                                             "optimizer.momentum",
                                             "optimizer.weight_decay",
                                             "optimizer.warmup_iterations",
                                             "optimizer.milestones",
                                             "optimizer.decay",
                                             "run.epochs",
                                             "run.iterations_per_epoch",
                                             "run.seed",
                                             "run.precision",
                                             "run.device",
                                             "run.threads",
                                             "run.convolution",
                                             "run.checkpoint_every",
                                             "run.evaluate_every",
                                             "run.log_every",
                                             "run.trace"};
  std::set<std::string> known;
  for (const KeyInfo& key : known_keys()) known.insert(key.name);
  for (const std::string& name : contract) EXPECT_TRUE(known.count(name)) << name;
}

TEST(ConfigKeys, HelpNamesDefaultTypeAndUnit) {
  const std::string help = key_help();
  for (const KeyInfo& key : known_keys()) {
    EXPECT_FALSE(key.help.empty()) << key.name;
    EXPECT_EQ(help.find("  " + key.name + " ") != std::string::npos, key.documented) << key.name;
  }
  EXPECT_EQ(help.find("data.test"), std::string::npos);
  EXPECT_THAT(help, HasSubstr("[default 0.001] (number: 0 to 10; pixel units of [-1,1])"));
}

TEST(ConfigSources, LaterOnesWin) {
  ConfigSources sources;
  sources.recipe = "cifar10-mebm-k10";
  EXPECT_EQ(resolve(sources).sampler.steps, 10);
  sources.file_name = "f.toml";
  sources.file_text = "[sampler]\nsteps = 3\nnoise = 0.5\n";
  EXPECT_EQ(resolve(sources).sampler.steps, 3);
  sources.sets = {"sampler.steps=4", "sampler.steps=6"};
  const ebm::Config config = resolve(sources);
  EXPECT_EQ(config.sampler.steps, 6);
  EXPECT_EQ(config.sampler.noise, 0.5);
  EXPECT_EQ(config.recipe, "cifar10-mebm-k10");
}

TEST(PublishedLine, ListsWhatIsReported) {
  EXPECT_EQ(published_line({}), "");
  EXPECT_EQ(published_line({true, "row", 0, 6.02, 35.7, 2.4, true}),
            "row: IS 6.02, FID 35.7, 2.4 minutes per epoch (diverged; best before)");
  EXPECT_EQ(published_line({true, "row", 95.8, 0, 0, 0, false}), "row: accuracy 95.8 %");
}

}  // namespace
}  // namespace mebm::tools

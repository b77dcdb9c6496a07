// The embedded recipes: all load, run in this version, round-trip, and hold the settings of the paper's
// tables.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tools/config.h"

namespace mebm::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

std::string file_text(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

TEST(Recipes, EmbedEveryFileExactly) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(MEBM_SOURCE_DIR "/recipes"))
    if (entry.path().extension() == ".toml") files.push_back(entry.path().stem());
  std::sort(files.begin(), files.end());
  EXPECT_EQ(recipe_names(), files);
  for (const std::string& name : files)
    EXPECT_EQ(recipe_text(name), file_text(std::string(MEBM_SOURCE_DIR "/recipes/") + name + ".toml"))
        << name;
}

TEST(Recipes, RunInThisVersionAndRoundTrip) {
  for (const std::string& name : recipe_names()) {
    SCOPED_TRACE(name);
    const ebm::Config config = load_recipe(name);
    EXPECT_EQ(config.recipe, name);
    EXPECT_THAT(violations(config), ::testing::ElementsAre());
    ebm::Config back;
    apply_toml(back, to_toml(config), "printed");
    EXPECT_EQ(to_toml(back), to_toml(config));
    EXPECT_EQ(back.published.present, config.published.present);
  }
}

TEST(Recipes, SayWhatTheyAre) {
  for (const std::string& name : recipe_names()) {
    SCOPED_TRACE(name);
    EXPECT_THAT(recipe_text(name), StartsWith("# "));
    const ebm::Config config = load_recipe(name);
    if (config.published.present) {
      EXPECT_FALSE(config.published.source.empty());
    }
    EXPECT_THAT(name, StartsWith(config.data.set + "-"));
  }
}

TEST(Recipes, CoverEveryRowOfTheTables) {
  const std::vector<std::string> names = recipe_names();
  std::vector<std::string> wanted;
  for (const std::string set : {"cifar10", "cifar100"}) {
    for (const std::string method : {"mebm", "mjem"})
      for (const std::string k : {"1", "2", "5", "10", "20"})
        for (const std::string reading : {"", "-paper"})
          wanted.push_back(set + "-" + method + "-k" + k + reading);
    for (const std::string rest : {"-lsejem-k5", "-mebm-k5-nol2", "-classifier"})
      wanted.push_back(set + rest);
  }
  for (const std::string set : {"mnist", "fashion-mnist"})
    for (const std::string method : {"mebm", "mjem"}) wanted.push_back(set + "-" + method + "-k5");
  for (const std::string small :
       {"cifar10-mebm", "cifar10-mjem", "fashion-mnist-mebm", "fashion-mnist-mjem", "mnist-mebm"})
    wanted.push_back(small + "-k5-small");
  for (const std::string& name : wanted)
    EXPECT_TRUE(std::find(names.begin(), names.end(), name) != names.end()) << name;
}

// Coefficient and noise of the K-th row: both change at K = 2.
TEST(Recipes, HoldTheSettingsOfEachK) {
  for (const std::string set : {"cifar10", "cifar100"}) {
    for (const std::string method : {"mebm", "mjem"}) {
      for (const int k : {1, 2, 5, 10, 20}) {
        const std::string name = set + "-" + method + "-k" + std::to_string(k);
        SCOPED_TRACE(name);
        const ebm::Config reference = load_recipe(name);
        const ebm::Config paper = load_recipe(name + "-paper");
        EXPECT_EQ(reference.sampler.steps, k);
        EXPECT_EQ(reference.objective.l2_coefficient, k >= 5 ? 0.5 : k == 2 ? 0.1 : 0.0);
        EXPECT_EQ(reference.sampler.noise, k <= 2 ? 0.0 : 0.001);
        EXPECT_EQ(reference.objective.l2_form, "reference");
        EXPECT_EQ(reference.objective.classifier_weight, method == "mjem" ? 1.0 : 0.0);
        EXPECT_EQ(reference.optimizer.learning_rate, set == "cifar10" ? 0.1 : 0.02);
        EXPECT_EQ(reference.model.num_classes, set == "cifar10" ? 10 : 100);
        EXPECT_EQ(paper.sampler.noise, 0.001);
        EXPECT_EQ(paper.objective.l2_form, "paper");
        // The two readings differ in nothing else.
        ebm::Config same = paper;
        same.recipe = reference.recipe;
        same.sampler.noise = reference.sampler.noise;
        same.objective.l2_form = reference.objective.l2_form;
        EXPECT_EQ(to_toml(same), to_toml(reference));
      }
    }
  }
}

TEST(Recipes, FullSizeOnesHaveThePapersNetworkAndSchedule) {
  for (const std::string& name : recipe_names()) {
    if (ends_with(name, "-small")) continue;
    SCOPED_TRACE(name);
    const ebm::Config config = load_recipe(name);
    EXPECT_EQ(config.model.depth, 28);
    EXPECT_EQ(config.model.width, 10);
    EXPECT_EQ(config.model.norm, "batch");
    EXPECT_EQ(config.data.batch_size, 64);
    EXPECT_EQ(config.data.labelled_batch_size, 128);
    EXPECT_FALSE(config.data.augment_positives);
    EXPECT_EQ(config.buffer.size, 10000);
    EXPECT_EQ(config.buffer.reinit_probability, 0.05);
    EXPECT_EQ(config.init.jitter, 1e-4);
    EXPECT_EQ(config.sampler.step_size, 1.0);
    EXPECT_EQ(config.optimizer.warmup_iterations, 1000);
    EXPECT_EQ(config.optimizer.milestones, (std::vector<int>{60, 120, 180}));
    EXPECT_EQ(config.optimizer.decay, 0.2);
    EXPECT_EQ(config.optimizer.weight_decay, 5e-4);
    EXPECT_EQ(config.run.epochs, 200);
    EXPECT_EQ(config.run.iterations_per_epoch, 390);
  }
}

TEST(Recipes, OtherMethodsHaveTheirObjectives) {
  const ebm::Config lse = load_recipe("cifar10-lsejem-k5");
  EXPECT_EQ(lse.model.energy, "logsumexp");
  EXPECT_EQ(lse.objective.l2_coefficient, 0.0);
  EXPECT_EQ(lse.objective.classifier_weight, 1.0);
  const ebm::Config classifier = load_recipe("cifar100-classifier");
  EXPECT_EQ(classifier.objective.energy_weight, 0.0);
  EXPECT_EQ(classifier.objective.classifier_weight, 1.0);
  EXPECT_EQ(classifier.published.accuracy, 78.9);
  EXPECT_EQ(load_recipe("cifar10-mebm-k5-nol2").objective.l2_coefficient, 0.0);
}

TEST(Recipes, SmallOnesAreShort) {
  for (const std::string& name : recipe_names()) {
    if (!ends_with(name, "-small")) continue;
    SCOPED_TRACE(name);
    const ebm::Config config = load_recipe(name);
    EXPECT_EQ(config.model.depth, 10);
    EXPECT_LE(config.model.width, 2);
    EXPECT_LE(config.run.epochs * config.run.iterations_per_epoch, 2000);
    EXPECT_FALSE(config.published.present) << "no row of the paper is this network";
  }
}

// Values typed again from the paper's tables.
TEST(Recipes, PrintThePublishedRows) {
  EXPECT_THAT(published_line(load_recipe("cifar10-mjem-k10").published),
              HasSubstr("accuracy 93.8 %, IS 8.52, FID 11.5, 10.5 minutes per epoch"));
  EXPECT_THAT(published_line(load_recipe("cifar10-mebm-k1-paper").published),
              HasSubstr("IS 6.02, FID 35.7, 2.4 minutes per epoch (diverged; best before)"));
  EXPECT_THAT(published_line(load_recipe("cifar100-mebm-k5").published),
              HasSubstr("row M-EBM K=5: FID 27.2"));
  EXPECT_FALSE(load_recipe("cifar100-mjem-k20").published.present);
  EXPECT_FALSE(load_recipe("cifar10-mjem-k5").published.diverged);
}

}  // namespace
}  // namespace mebm::tools

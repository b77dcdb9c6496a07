// The embedded recipes: all load, run in this version, round-trip, and hold the settings of the paper's
// tables.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "tools/config.h"

namespace mebm::tools {
namespace {

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

// The paper's tables, typed again; recipes that are not named have no row. -1: not reported.
struct Published {
  const char* recipe;  // and its -paper reading, where there is one
  const char* row;
  double accuracy, inception_score, fid, minutes_per_epoch;
  bool diverged = false;
};
constexpr Published kPublished[] = {
    {"cifar10-mebm-k1", "CIFAR-10 unconditional models, row M-EBM K=1", -1, 6.02, 35.7, 2.4, true},
    {"cifar10-mebm-k2", "CIFAR-10 unconditional models, row M-EBM K=2", -1, 6.72, 27.1, 3.1},
    {"cifar10-mebm-k5", "CIFAR-10 unconditional models, row M-EBM K=5", -1, 7.14, 22.7, 5.4},
    {"cifar10-mebm-k10", "CIFAR-10 unconditional models, row M-EBM K=10", -1, 7.08, 20.4, 9.0},
    {"cifar10-mebm-k20", "CIFAR-10 unconditional models, row M-EBM K=20", -1, 7.20, 21.1, -1},
    {"cifar100-mebm-k1", "CIFAR-100 unconditional models, row M-EBM K=1", -1, -1, 45.5, -1, true},
    {"cifar100-mebm-k2", "CIFAR-100 unconditional models, row M-EBM K=2", -1, -1, 26.2, -1},
    {"cifar100-mebm-k5", "CIFAR-100 unconditional models, row M-EBM K=5", -1, -1, 27.2, -1},
    {"cifar100-mebm-k10", "CIFAR-100 unconditional models, row M-EBM K=10", -1, -1, 26.9, -1},
    {"cifar10-mjem-k1", "CIFAR-10 hybrid models, row M-JEM K=1", 78.4, 7.91, 29.8, 3.8, true},
    {"cifar10-mjem-k2", "CIFAR-10 hybrid models, row M-JEM K=2", 86.5, 8.64, 19.3, 4.6, true},
    {"cifar10-mjem-k5", "CIFAR-10 hybrid models, row M-JEM K=5", 93.1, 8.71, 12.1, 6.8},
    {"cifar10-mjem-k10", "CIFAR-10 hybrid models, row M-JEM K=10", 93.8, 8.52, 11.5, 10.5},
    {"cifar10-mjem-k20", "CIFAR-10 hybrid models, row M-JEM K=20", 94.2, 8.72, 12.2, -1},
    {"cifar100-mjem-k1", "CIFAR-100 hybrid models, row M-JEM K=1", 46.5, 8.71, 26.2, -1, true},
    {"cifar100-mjem-k2", "CIFAR-100 hybrid models, row M-JEM K=2", 63.5, 11.22, 15.1, -1, true},
    {"cifar100-mjem-k5", "CIFAR-100 hybrid models, row M-JEM K=5", 73.5, 11.95, 13.5, -1},
    {"cifar100-mjem-k10", "CIFAR-100 hybrid models, row M-JEM K=10", 75.1, 11.72, 12.7, -1},
    {"cifar10-classifier", "CIFAR-10 hybrid models, row softmax WRN-28-10", 95.8, -1, -1, 0.77},
    {"cifar100-classifier", "CIFAR-100 hybrid models, row softmax WRN-28-10", 78.9, -1, -1, -1},
};

std::string expected_line(const Published& row) {
  std::string line;
  const auto add = [&](double value, const std::string& text) {
    if (value >= 0) line += (line.empty() ? "" : ", ") + fmt::format(fmt::runtime(text), value);
  };
  add(row.accuracy, "accuracy {} %");
  add(row.inception_score, "IS {}");
  add(row.fid, "FID {}");
  add(row.minutes_per_epoch, "{} minutes per epoch");
  return fmt::format("M-EBM paper, {}: {}{}", row.row, line, row.diverged ? " (diverged; best before)" : "");
}

TEST(Recipes, PrintThePublishedRows) {
  for (const std::string& name : recipe_names()) {
    SCOPED_TRACE(name);
    const std::string base = ends_with(name, "-paper") ? name.substr(0, name.size() - 6) : name;
    const auto row = std::find_if(std::begin(kPublished), std::end(kPublished),
                                  [&](const Published& known) { return base == known.recipe; });
    const std::string line = published_line(load_recipe(name).published);
    EXPECT_EQ(line, row == std::end(kPublished) ? "" : expected_line(*row));
  }
}

}  // namespace
}  // namespace mebm::tools

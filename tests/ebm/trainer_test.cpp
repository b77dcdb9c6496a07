// What an iteration of each method draws, computes and changes.

#include "tests/ebm/trainer_fixture.h"

namespace mebm::ebm {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::ThrowsMessage;

// The names of the parameters that `steps` iterations leave bit-identical, joined.
std::string untouched(const std::map<std::string, Values>& before,
                      const std::map<std::string, Values>& after) {
  std::string names;
  for (const auto& [name, values] : before)
    if (after.at(name) == values) names += name + " ";
  return names;
}

TEST_F(TrainerTest, MEbmDrawsNoLabelsAndLeavesTheClassHeadAlone) {
  Config config = tiny();
  config.objective.classifier_weight = 0;
  config.objective.l2_form = "means";
  images_.labels.clear();
  images_.num_classes = 0;
  const auto trainer = start(config);
  const auto before = parameters(*trainer);
  for (const Record::Iteration& it : run(*trainer, 3)) {
    EXPECT_THAT(it.labelled, IsEmpty());
    EXPECT_THAT(it.positives, SizeIs(4));
    EXPECT_TRUE(it.chains);
    const double plus = it.result.energy_positive, minus = it.result.energy_negative;
    EXPECT_NEAR(it.result.loss, plus - minus + 0.5 * (plus * plus + minus * minus), 1e-5);
    EXPECT_TRUE(std::isnan(it.result.cross_entropy));
    EXPECT_GT(it.result.gradient_norm, 0);
  }
  // Weight decay does not touch what the loss does not reach.
  EXPECT_EQ(untouched(before, parameters(*trainer)), "class_output.bias class_output.weight ");
  for (const auto& [name, values] : state(*trainer))
    if (name.starts_with("momentum class_output")) {
      EXPECT_EQ(values, Values(values.size(), 0.0)) << name;
    }
}

TEST_F(TrainerTest, MJemAddsTheWeightedCrossEntropy) {
  Config config = tiny();
  config.objective.classifier_weight = 3;
  config.objective.energy_weight = 2;
  config.objective.l2_coefficient = 0;
  const auto trainer = start(config);
  const auto before = parameters(*trainer);
  for (const Record::Iteration& it : run(*trainer, 2)) {
    EXPECT_NEAR(it.result.loss,
                2 * (it.result.energy_positive - it.result.energy_negative) + 3 * it.result.cross_entropy,
                1e-5);
    ASSERT_THAT(it.labelled, SizeIs(4));
    for (std::size_t j = 0; j < 4; ++j) EXPECT_EQ(it.labels[j], it.labelled[j] % 4);
    EXPECT_THAT(it.labelled_crops, SizeIs(12));
    EXPECT_THAT(it.positive_crops, IsEmpty());
  }
  // With alpha = 0 the energies' bias cancels in E+ - E-: its gradient is 0, but weight decay moves it.
  EXPECT_EQ(untouched(before, parameters(*trainer)), "");
}

TEST_F(TrainerTest, LseJemTakesItsEnergyFromTheClassHead) {
  Config config = tiny();
  config.model.energy = "logsumexp";
  config.objective.l2_coefficient = 0;
  const auto trainer = start(config);
  const auto before = parameters(*trainer);
  const auto iterations = run(*trainer, 2);
  EXPECT_EQ(untouched(before, parameters(*trainer)), "energy_output.bias energy_output.weight ");
  // 4 logits near 0: -LSE is near -ln 4.
  EXPECT_NEAR(iterations[0].result.energy_positive, -std::log(4), 0.7);
  EXPECT_NEAR(iterations[0].result.loss,
              iterations[0].result.energy_positive - iterations[0].result.energy_negative +
                  iterations[0].result.cross_entropy,
              1e-5);
}

TEST_F(TrainerTest, TheClassifierSamplesNothing) {
  Config config = tiny();
  config.objective.energy_weight = 0;
  config.data.batch_size = 1000;  // of the energy terms: not used
  const auto trainer = start(config);
  const auto before = parameters(*trainer);
  EXPECT_EQ(trainer->buffer(), nullptr);
  for (const Record::Iteration& it : run(*trainer, 2)) {
    EXPECT_FALSE(it.chains);
    EXPECT_THAT(it.positives, IsEmpty());
    EXPECT_TRUE(std::isnan(it.result.energy_positive));
    EXPECT_TRUE(std::isnan(it.result.energy_negative));
    EXPECT_EQ(it.result.loss, it.result.cross_entropy);
  }
  EXPECT_EQ(untouched(before, parameters(*trainer)), "energy_output.bias energy_output.weight ");
  EXPECT_EQ(batches_tracked(*trainer), 2);
  const CheckpointContents contents = trainer->checkpoint_contents("");
  EXPECT_EQ(contents.buffer, nullptr);
  EXPECT_EQ(contents.initial, nullptr);
}

TEST_F(TrainerTest, AugmentationChangesOnlyItsOwnStream) {
  Config config = tiny();
  const auto base = run(config, 1)[0];
  config.data.augment_positives = true;
  const auto positives = run(config, 1)[0];
  config = tiny();
  config.data.augment = false;
  const auto plain = run(config, 1)[0];
  for (const Record::Iteration& it : {positives, plain}) {
    EXPECT_EQ(it.rows, base.rows);
    EXPECT_EQ(it.restarted, base.restarted);
    EXPECT_EQ(it.positives, base.positives);
    EXPECT_EQ(it.labelled, base.labelled);
    EXPECT_EQ(it.result.energy_negative, base.result.energy_negative);
  }
  EXPECT_THAT(positives.positive_crops, SizeIs(12));
  EXPECT_EQ(positives.labelled_crops, base.labelled_crops);
  EXPECT_NE(positives.positive_crops, positives.labelled_crops);
  EXPECT_NE(positives.result.energy_positive, base.result.energy_positive);
  EXPECT_EQ(positives.result.cross_entropy, base.result.cross_entropy);
  EXPECT_THAT(plain.labelled_crops, IsEmpty());
  EXPECT_EQ(plain.result.energy_positive, base.result.energy_positive);
  EXPECT_NE(plain.result.cross_entropy, base.result.cross_entropy);
}

TEST_F(TrainerTest, DataNoiseChangesTheImagesAndNoChoice) {
  Config config = tiny();
  const auto base = run(config, 1)[0];
  config.data.noise = 0.1;
  const auto noisy = run(config, 1)[0];
  EXPECT_EQ(noisy.rows, base.rows);
  EXPECT_EQ(noisy.positives, base.positives);
  EXPECT_EQ(noisy.labelled, base.labelled);
  EXPECT_EQ(noisy.labelled_crops, base.labelled_crops);
  EXPECT_EQ(noisy.result.energy_negative, base.result.energy_negative);
  EXPECT_NE(noisy.result.energy_positive, base.result.energy_positive);
  EXPECT_NE(noisy.result.cross_entropy, base.result.cross_entropy);
}

TEST_F(TrainerTest, ChainsWithRunningStatisticsRecordNone) {
  Config config = tiny();
  const auto batch = start(config);
  run(*batch, 3);
  EXPECT_EQ(batches_tracked(*batch), 3 * (1 + 2 + 1 + 1));  // positives, 2 steps, negatives, labelled
  config.sampler.batch_norm = "running";
  const auto running = start(config);
  run(*running, 3);
  EXPECT_EQ(batches_tracked(*running), 3 * (1 + 1 + 1));
}

TEST_F(TrainerTest, TheSeedDecidesEveryBit) {
  const auto first = start(tiny()), second = start(tiny());
  run(*first, 3);
  run(*second, 3);
  EXPECT_EQ(state(*first), state(*second));
  Config config = tiny();
  config.run.seed = 6;
  const auto other = start(config);
  const auto theirs = run(*other, 3)[0], ours = run(tiny(), 1)[0];
  EXPECT_NE(theirs.positives, ours.positives);
  EXPECT_NE(theirs.labelled, ours.labelled);
  EXPECT_NE(theirs.rows, ours.rows);
  EXPECT_NE(theirs.labelled_crops, ours.labelled_crops);
  EXPECT_NE(state(*other)["f.conv1.weight"], state(*first)["f.conv1.weight"]);
  EXPECT_NE(state(*other)["buffer"], state(*first)["buffer"]);
}

TEST_F(TrainerTest, EpochsWarmUpAndMilestones) {
  Config config = tiny();
  config.objective.energy_weight = 0;
  config.optimizer.learning_rate = 0.01;
  config.optimizer.milestones = {1, 2};
  config.optimizer.decay = 0.5;
  std::vector<std::int64_t> epochs;
  Values rates;
  for (const Record::Iteration& it : run(config, 6)) {
    epochs.push_back(it.result.epoch);
    rates.push_back(it.result.learning_rate);
  }
  EXPECT_EQ(epochs, (std::vector<std::int64_t>{0, 0, 1, 1, 2, 2}));
  EXPECT_EQ(rates, (Values{0.01, 0.01, 0.005, 0.005, 0.0025, 0.0025}));
  config.optimizer.warmup_iterations = 4;
  config.optimizer.milestones.clear();
  rates.clear();
  for (const Record::Iteration& it : run(config, 6)) rates.push_back(it.result.learning_rate);
  EXPECT_THAT(rates,
              ::testing::Pointwise(::testing::DoubleEq(), Values{0, 0.0025, 0.005, 0.0075, 0.01, 0.01}));
}

TEST_F(TrainerTest, DivergenceStopsBeforeTheStateIsTouched) {
  Config config = tiny();
  config.optimizer.learning_rate = 1e6;
  const auto trainer = start(config);
  trainer->step();
  const auto before = state(*trainer);
  EXPECT_THAT([&] { trainer->step(); },
              ThrowsMessage<engine::Error>(HasSubstr("diverged at iteration 1: loss ")));
  EXPECT_EQ(trainer->iteration(), 1);
  EXPECT_EQ(state(*trainer), before);
}

TEST_F(TrainerTest, ConfigurationsThatDoNotFitTheData) {
  const auto refused = [&](const Config& config, const std::string& message) {
    EXPECT_THAT([&] { make(config, uniform()); }, ThrowsMessage<engine::InputError>(HasSubstr(message)));
  };
  Config config = tiny();
  config.data.batch_size = 17;
  refused(config, "data.batch_size = 17 is larger than buffer.size = 16");
  config = tiny();
  config.model.num_classes = 3;
  refused(config, "model.num_classes = 3 is smaller than the 4 classes of stripes");
  config.objective.classifier_weight = 0;  // the labels are not looked at
  EXPECT_NO_THROW(make(config, uniform()));
  config.objective.energy_weight = 0;
  refused(config, "nothing to train");
  config = tiny();
  config.run.precision = "bf16";
  refused(config, "run.precision 'bf16'");
  config = tiny();
  config.data.labelled_batch_size = 25;
  refused(config, "data.labelled_batch_size = 25 is larger than the data set: stripes has 24 images");
  const auto small = std::make_shared<UniformInitialDistribution>(context_, ImageShape{3, 4, 4});
  EXPECT_THAT([&] { make(tiny(), small); },
              ThrowsMessage<engine::InputError>(HasSubstr("is for images of 3x4x4, stripes has 3x8x8")));
}

}  // namespace
}  // namespace mebm::ebm

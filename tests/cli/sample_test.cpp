// sample: the chains are those of the library, and a chain depends on the seed and its number alone.
#include <algorithm>
#include <set>

#include "engine/io/images_file.h"
#include "engine/ops/dense.h"
#include "engine/ops/elementwise.h"
#include "tests/cli/cli_test_util.h"
#include "tests/report/read_png.h"

namespace mebm::testing {

using engine::DType;

namespace {

class SampleTest : public CliTest {
 protected:
  // Runs `sample` with uniform starts unless told otherwise and returns the images.
  std::vector<double> sample(const std::string& model, std::vector<std::string> options,
                             bool uniform = true) {
    std::vector<std::string> words{"sample", "--checkpoint", model, "--out", at("out.h5"), "--threads", "1"};
    if (uniform) words.insert(words.end(), {"--init", "uniform"});
    words.insert(words.end(), options.begin(), options.end());
    expect_success(words);
    return read("out.h5", "/images");
  }

  // The same chains by direct calls: one batch of `rows` from chain `first` on.
  std::vector<double> direct(const ebm::LangevinOptions& options, engine::Tensor chains, std::uint32_t first,
                             std::uint64_t seed, const engine::Tensor& labels = {}) {
    const auto network = make_network(chains.dtype());
    ebm::LangevinRun run;
    run.key = engine::PhiloxKey(seed);
    run.first_slot = first;
    ebm::LangevinSampler(tape_, options).run(*network, run, labels, chains);
    std::vector<double> values(static_cast<std::size_t>(chains.elements()));
    engine::ops::read(chains, values);
    return values;
  }

  engine::Tensor uniform_starts(std::uint32_t first, std::int64_t rows, std::uint64_t seed, DType dtype) {
    const ebm::UniformInitialDistribution initial(context_, {3, kSide, kSide});
    std::vector<std::uint32_t> slots;
    for (std::int64_t r = 0; r < rows; ++r) slots.push_back(first + static_cast<std::uint32_t>(r));
    engine::Tensor out = context_.empty({rows, 3, kSide, kSide}, dtype);
    initial.draw({engine::PhiloxKey(seed), engine::RandomPurpose::sample_fill, 0}, slots, true, out);
    return out;
  }
};

TEST_F(SampleTest, EqualsDirectCallsOfTheSampler) {
  const std::string model = write_model("m.h5");
  const std::vector<double> found =
      sample(model, {"--count", "70", "--steps", "3", "--step-size", "20", "--noise", "0.01",
                     "--gradient-clamp", "0.002", "--pixel-clamp", "0.9", "--seed", "4", "--precision",
                     "fp64", "--batch-norm", "batch"});
  ASSERT_EQ(found.size(), 70u * kPixels);
  EXPECT_EQ(entry("out.h5", "/images").type, engine::Hdf5Type::f64);
  const ebm::LangevinOptions options{3, 20, 0.01, 0.002, 0.9, true, models::EnergyKind::head};
  std::vector<double> expected = direct(options, uniform_starts(0, 64, 4, DType::fp64), 0, 4);
  const std::vector<double> second = direct(options, uniform_starts(64, 64, 4, DType::fp64), 64, 4);
  expected.insert(expected.end(), second.begin(), second.begin() + 6 * kPixels);
  for (std::size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], 1e-12) << i;
}

TEST_F(SampleTest, IsAFunctionOfTheSeedAndTheChainsNumber) {
  const std::string model = write_model("m.h5");
  const std::vector<std::string> common{"--steps", "2", "--noise", "0.01"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), common.begin(), common.end());
    return sample(model, more);
  };
  const std::vector<double> all = with({"--count", "128"}), some = with({"--count", "70"});
  ASSERT_EQ(some.size(), 70u * kPixels);
  EXPECT_TRUE(std::equal(some.begin(), some.end(), all.begin()));
  EXPECT_EQ(with({"--count", "70"}), some);
  EXPECT_NE(with({"--count", "70", "--seed", "2"}), some);
}

TEST_F(SampleTest, NoiseFreeChainsDoNotDependOnTheThreads) {
  const std::string model = write_model("m.h5");
  const std::vector<double> one = sample(model, {"--count", "64", "--steps", "3", "--noise", "0"});
  expect_success({"sample", "--checkpoint", model, "--out", at("two.h5"), "--threads", "2", "--init",
                  "uniform", "--count", "64", "--steps", "3", "--noise", "0"});
  EXPECT_EQ(read("two.h5", "/images"), one);
}

TEST_F(SampleTest, WithoutStepsTheStartsAreWritten) {
  const std::string model = write_model("m.h5", {"", "head", true, true});
  EXPECT_EQ(entry("m.h5", "/replay_buffer/images").shape[0], 20);
  std::vector<double> expected(10 * kPixels);
  engine::ops::read(uniform_starts(0, 10, 1, DType::fp32), expected);
  EXPECT_EQ(sample(model, {"--count", "10", "--steps", "0"}), expected);
  // This checkpoint's p0 is the uniform one, too.
  EXPECT_EQ(sample(model, {"--count", "10", "--steps", "0"}, false), expected);
  EXPECT_EQ(entry("out.h5", "/images").type, engine::Hdf5Type::f32);

  const std::string images = write_images("x.h5", 7);
  const std::vector<float> given = make_images(7);
  EXPECT_EQ(sample(model, {"--init-images", images, "--steps", "0"}, false),
            std::vector<double>(given.begin(), given.end()));
  EXPECT_EQ(sample(model, {"--init-images", images, "--count", "2", "--steps", "0"}, false).size(),
            2u * kPixels);
}

TEST_F(SampleTest, BufferStartsAreDistinctRowsOfTheBuffer) {
  const std::string model = write_model("m.h5", {"", "head", true, false});
  const std::vector<double> buffer = read("m.h5", "/replay_buffer/images");
  const std::vector<double> found =
      sample(model, {"--count", "30", "--steps", "0", "--init", "buffer"}, false);
  std::set<std::size_t> rows;
  for (std::size_t c = 0; c < 30; ++c) {
    std::size_t row = 0;
    const auto chain = found.begin() + static_cast<std::ptrdiff_t>(c * kPixels);
    while (row < 20 &&
           !std::equal(chain, chain + kPixels, buffer.begin() + static_cast<std::ptrdiff_t>(row * kPixels)))
      ++row;
    ASSERT_LT(row, 20u) << "chain " << c << " is no row of the buffer";
    if (c < 20) rows.insert(row);
  }
  EXPECT_EQ(rows.size(), 20u) << "the first 20 chains are 20 different rows";
}

TEST_F(SampleTest, ImagesKeepTheShortBatch) {
  const std::string model = write_model("m.h5"), images = write_images("x.h5", 5);
  const std::vector<double> found = sample(
      model,
      {"--init-images", images, "--steps", "2", "--noise", "0", "--step-size", "50", "--precision", "fp64"},
      false);
  const ebm::LangevinOptions options{2, 50, 0, 1, 1, true, models::EnergyKind::head};
  const std::vector<double> expected = direct(options, tensor(make_images(5), 5, DType::fp64), 0, 1);
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], 1e-12) << i;
}

TEST_F(SampleTest, ClassChainsDescendTheirClass) {
  const std::string model = write_model("m.h5"), images = write_images("x.h5", 3);
  const std::vector<double> found =
      sample(model,
             {"--init-images", images, "--steps", "1", "--noise", "0", "--step-size", "50", "--precision",
              "fp64", "--energy", "class", "--class", "4", "--batch-norm", "running"},
             false);
  const ebm::LangevinOptions options{1, 50, 0, 1, 1, false, models::EnergyKind::class_logit};
  const engine::Tensor labels = engine::ops::make_labels(context_, std::vector<std::int32_t>{4, 4, 4}, 10);
  const std::vector<double> expected = direct(options, tensor(make_images(3), 3, DType::fp64), 0, 1, labels);
  for (std::size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], 1e-12) << i;
}

TEST_F(SampleTest, DefaultsAreTheStoredConfiguration) {
  const std::string config =
      "[sampler]\nsteps = 2\nstep_size = 30\nnoise = 0.02\ngradient_clamp = 0.01\npixel_clamp = 0.8\n"
      "batch_norm = \"running\"\n";
  const std::string plain = write_model("plain.h5"), configured = write_model("configured.h5", {config});
  const std::vector<std::string> given{"--count", "5"};
  const std::vector<std::string> spelt{
      "--count",          "5",    "--steps",       "2",   "--step-size",  "30",     "--noise", "0.02",
      "--gradient-clamp", "0.01", "--pixel-clamp", "0.8", "--batch-norm", "running"};
  EXPECT_EQ(sample(configured, given), sample(plain, spelt));
  // Without a configuration: noise from 3 steps on.
  EXPECT_EQ(sample(plain, {"--count", "5", "--steps", "2"}),
            sample(plain, {"--count", "5", "--steps", "2", "--noise", "0"}));
  EXPECT_EQ(sample(plain, {"--count", "5", "--steps", "3"}),
            sample(plain, {"--count", "5", "--steps", "3", "--noise", "0.001"}));
}

TEST_F(SampleTest, WritesAPngGrid) {
  const std::string model = write_model("m.h5");
  expect_success({"sample", "--checkpoint", model, "--out", at("grid.png"), "--threads", "1", "--init",
                  "uniform", "--count", "9", "--steps", "0"});
  const report::Image grid = report::read_png(at("grid.png"));
  EXPECT_EQ(grid.channels, 3);
  EXPECT_EQ(grid.width, 3 * 2 * kSide + 4 * 2);  // 3 columns at scale 2, padding 2
  EXPECT_EQ(grid.height, grid.width);
}

}  // namespace
}  // namespace mebm::testing

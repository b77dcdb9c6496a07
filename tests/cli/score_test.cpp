// score: the written arrays are those of the library's own calls.
#include <algorithm>

#include "engine/ops/dense.h"
#include "engine/ops/elementwise.h"
#include "tests/cli/cli_test_util.h"

namespace mebm::testing {

using engine::DType;
using engine::Tensor;
using models::EnergyKind;

namespace {

struct Expected {
  std::vector<double> energy, logits, features, gradient;
};

class ScoreTest : public CliTest {
 protected:
  static void append(const Tensor& tensor, std::vector<double>& values) {
    std::vector<double> piece(static_cast<std::size_t>(tensor.elements()));
    engine::ops::read(tensor, piece);
    values.insert(values.end(), piece.begin(), piece.end());
  }

  // `count` images in batches of `batch`, by direct calls in fp64.
  Expected direct(std::int64_t count, std::int64_t batch, bool batch_statistics, EnergyKind kind) {
    const auto network = make_network(DType::fp64);
    const Tensor images = tensor(make_images(count), count, DType::fp64);
    Expected expected;
    for (std::int64_t first = 0; first < count; first += batch) {
      const std::int64_t rows = std::min(batch, count - first);
      const Tensor part = engine::ops::clone(context_, images.rows(first, rows));
      std::vector<std::int32_t> classes;
      for (std::int64_t i = first; i < first + rows; ++i)
        classes.push_back(static_cast<std::int32_t>(i % 10));
      const Tensor labels = engine::ops::make_labels(context_, classes, 10);
      const auto pass = models::Pass::single(rows, batch_statistics);
      Tensor energies;
      const Tensor gradient = ebm::energy_gradient(tape_, *network, part, kind, labels, pass, &energies);
      append(gradient, expected.gradient);
      append(energies, expected.energy);
      const autograd::NoRecording off(tape_);
      const autograd::Variable features = network->features(tape_, {part}, pass);
      append(features.value, expected.features);
      append(network->logits(tape_, features).value, expected.logits);
    }
    return expected;
  }

  void expect_near(const std::string& dataset, const std::vector<double>& expected, double tolerance) {
    SCOPED_TRACE(dataset);
    const std::vector<double> found = read("out.h5", dataset);
    ASSERT_EQ(found.size(), expected.size());
    double scale = 0;
    for (const double value : expected) scale = std::max(scale, std::fabs(value));
    for (std::size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], tolerance * scale) << i;
  }

  void score(std::vector<std::string> options) {
    std::vector<std::string> words{"score", "--checkpoint", at("m.h5"),  "--images", at("x.h5"),
                                   "--out", at("out.h5"),   "--threads", "1"};
    words.insert(words.end(), options.begin(), options.end());
    expect_success(words);
  }
};

TEST_F(ScoreTest, RunningModeIsTheDefaultAndEqualsDirectCalls) {
  write_model("m.h5");
  write_images("x.h5", 10);
  score({"--precision", "fp64", "--input-gradient"});
  const Expected expected = direct(10, 10, false, EnergyKind::head);
  expect_near("/energy", expected.energy, 1e-12);
  expect_near("/logits", expected.logits, 1e-12);
  expect_near("/features", expected.features, 1e-12);
  expect_near("/input_gradient", expected.gradient, 1e-12);
  EXPECT_EQ(entry("out.h5", "/energy").type, engine::Hdf5Type::f64);
  EXPECT_EQ(entry("out.h5", "/logits").shape, (engine::Hdf5Shape{10, 10}));
  EXPECT_EQ(entry("out.h5", "/features").shape, (engine::Hdf5Shape{10, 64}));
  EXPECT_EQ(entry("out.h5", "/input_gradient").shape, (engine::Hdf5Shape{10, 3, kSide, kSide}));
  // The running statistics do not know which images come together.
  score({"--precision", "fp64", "--input-gradient", "--batch-size", "3", "--batch-norm", "running"});
  expect_near("/energy", expected.energy, 1e-12);
  expect_near("/input_gradient", expected.gradient, 1e-12);
}

TEST_F(ScoreTest, BatchModeNormalisesEachBatchByItselfInFileOrder) {
  write_model("m.h5");
  write_images("x.h5", 10);
  score({"--precision", "fp64", "--input-gradient", "--batch-norm", "batch", "--batch-size", "4"});
  const Expected expected = direct(10, 4, true, EnergyKind::head);
  expect_near("/energy", expected.energy, 1e-12);
  expect_near("/logits", expected.logits, 1e-12);
  expect_near("/features", expected.features, 1e-12);
  expect_near("/input_gradient", expected.gradient, 1e-12);
  // Another batch size is another computation.
  score({"--precision", "fp64", "--batch-norm", "batch"});
  expect_near("/energy", direct(10, 64, true, EnergyKind::head).energy, 1e-12);
  EXPECT_NE(read("out.h5", "/energy"), expected.energy);
}

TEST_F(ScoreTest, Fp32IsTheDefault) {
  write_model("m.h5");
  write_images("x.h5", 10);
  score({"--batch-norm", "batch"});
  EXPECT_EQ(entry("out.h5", "/energy").type, engine::Hdf5Type::f32);
  const Expected expected = direct(10, 10, true, EnergyKind::head);
  expect_near("/energy", expected.energy, 1e-5);
  expect_near("/features", expected.features, 1e-5);
  EXPECT_THROW(entry("out.h5", "/input_gradient"), engine::InputError);
}

TEST_F(ScoreTest, EnergyIsTheCheckpointsUnlessAsked) {
  write_model("m.h5", {"", "logsumexp"});
  write_images("x.h5", 10);
  score({"--precision", "fp64"});
  expect_near("/energy", direct(10, 10, false, EnergyKind::logsumexp).energy, 1e-12);
  score({"--precision", "fp64", "--energy", "head"});
  expect_near("/energy", direct(10, 10, false, EnergyKind::head).energy, 1e-12);
  score({"--precision", "fp64", "--energy", "class"});
  expect_near("/energy", direct(10, 10, false, EnergyKind::class_logit).energy, 1e-12);
}

TEST_F(ScoreTest, AModelWithoutClassHeadGivesNoLogits) {
  write_model("m.h5", {}, 0);
  write_images("x.h5", 3);
  score({});
  EXPECT_THROW(entry("out.h5", "/logits"), engine::InputError);
  EXPECT_EQ(entry("out.h5", "/energy").shape, engine::Hdf5Shape{3});
}

}  // namespace
}  // namespace mebm::testing

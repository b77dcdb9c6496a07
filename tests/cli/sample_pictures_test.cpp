// sample: masks and noise on given images, every class, pictures on the way.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>

#include "report/grid.h"
#include "tests/cli/cli_test_util.h"
#include "tests/report/animation_decoders.h"
#include "tests/report/read_png.h"

namespace mebm::testing {
namespace {

using Words = std::vector<std::string>;

class SamplePicturesTest : public CliTest {
 protected:
  SamplePicturesTest() : model_(write_model("m.h5")), images_(write_images("x.h5", 5)) {}

  Words with(Words options, const std::string& out = "out.h5") const {
    Words words{"sample", "--checkpoint", model_, "--out", at(out), "--threads", "1"};
    words.insert(words.end(), options.begin(), options.end());
    return words;
  }
  // Chains that start from the images and move a lot.
  Words restoring(Words options, const std::string& out = "out.h5") const {
    options.insert(options.end(),
                   {"--init-images", images_, "--steps", "4", "--step-size", "50", "--noise", "0.05"});
    return with(options, out);
  }
  std::vector<double> run(const Words& words) {
    expect_success(words);
    return read("out.h5", "/images");
  }
  std::vector<std::uint8_t> bytes(const std::string& name) const {
    std::ifstream file(at(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write_mask(const std::string& name, int side, const std::function<bool(int, int)>& free) const {
    report::Image mask = report::Image::filled(side, side, 1, 0);
    for (int y = 0; y < side; ++y)
      for (int x = 0; x < side; ++x) *mask.at(x, y) = free(x, y) ? 255 : 0;
    report::write_png(at(name), mask);
  }
  // Every pixel is kept exactly where `free` is false, and some move where it is true.
  void expect_kept(const std::vector<double>& found, const std::function<bool(int, int)>& free) const {
    const std::vector<float> given = make_images(5);
    ASSERT_EQ(found.size(), given.size());
    int moved = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
      const int y = static_cast<int>(i / kSide % kSide), x = static_cast<int>(i % kSide);
      if (free(x, y))
        moved += found[i] != static_cast<double>(given[i]);
      else
        ASSERT_EQ(found[i], static_cast<double>(given[i])) << "element " << i;
    }
    EXPECT_GT(moved, 20);
  }

  std::string model_, images_;
};

TEST_F(SamplePicturesTest, MasksKeepWhatTheySay) {
  const auto uniform = [&](const std::string& mask) {
    return run(restoring({"--mask", mask, "--init", "uniform"}));
  };
  expect_kept(uniform("left"), [](int x, int) { return x < 4; });
  expect_kept(uniform("right"), [](int x, int) { return x >= 4; });
  expect_kept(uniform("top"), [](int, int y) { return y < 4; });
  expect_kept(uniform("bottom"), [](int, int y) { return y >= 4; });
  expect_kept(uniform("center:4x2"), [](int x, int y) { return y >= 2 && y < 6 && x >= 3 && x < 5; });
  const auto shape = [](int x, int y) { return (x + y) % 3 == 0; };
  write_mask("mask.png", kSide, shape);
  expect_kept(uniform(at("mask.png")), shape);
}

TEST_F(SamplePicturesTest, FreePixelsStartWhereTheyAreTold) {
  const std::vector<float> given = make_images(5);
  const Words still{"--init-images", images_, "--steps", "0", "--mask", "left"};
  Words uniform = still, noisy = still;
  uniform.insert(uniform.end(), {"--init", "uniform"});
  noisy.insert(noisy.end(), {"--noise-images", "0.1"});
  const std::vector<double> fill = run(with({"--count", "5", "--init", "uniform", "--steps", "0"})),
                            filled = run(with(uniform)), noise = run(with(noisy));
  for (std::size_t i = 0; i < filled.size(); ++i) {
    const bool free = i % kSide < kSide / 2;
    EXPECT_EQ(filled[i], free ? fill[i] : static_cast<double>(given[i]));
    if (free) {
      EXPECT_NEAR(noise[i], given[i], 0.6);
    } else {
      EXPECT_EQ(noise[i], static_cast<double>(given[i]));
    }
  }
  expect_bad_input(with(still), "holds no initial distribution", "none");  // p0 unless told otherwise
}

TEST_F(SamplePicturesTest, NoiseHasTheDeviationAskedFor) {
  const std::vector<float> given = make_images(5);
  const Words words = with({"--init-images", images_, "--steps", "0", "--noise-images", "0.2"});
  const std::vector<double> found = run(words);
  double sum = 0, squares = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    sum += found[i] - given[i];
    squares += std::pow(found[i] - given[i], 2);
  }
  const double n = static_cast<double>(found.size());
  EXPECT_NEAR(sum / n, 0, 4 * 0.2 / std::sqrt(n));
  EXPECT_NEAR(std::sqrt(squares / n), 0.2, 4 * 0.2 / std::sqrt(2 * n));
  EXPECT_EQ(run(words), found);
}

TEST_F(SamplePicturesTest, AMaskThatFreesEverythingChangesNothing) {
  write_mask("white.png", kSide, [](int, int) { return true; });
  const std::vector<double> plain = run(restoring({"--noise-images", "0.1"}));
  EXPECT_EQ(run(restoring({"--noise-images", "0.1", "--mask", at("white.png")})), plain);
  EXPECT_EQ(run(restoring({"--noise-images", "0.1", "--mask", "random:1"})), plain);
}

TEST_F(SamplePicturesTest, RandomMasksDifferByChainAndFollowTheShare) {
  const std::vector<float> given = make_images(5);
  const std::vector<double> found = run(restoring({"--mask", "random:0.3", "--init", "uniform"}));
  std::vector<bool> kept;
  for (std::size_t i = 0; i < found.size(); ++i) kept.push_back(found[i] == static_cast<double>(given[i]));
  const double free = static_cast<double>(std::count(kept.begin(), kept.end(), false)) / (5.0 * kPixels);
  EXPECT_NEAR(free, 0.3, 4 * std::sqrt(0.21 / (5 * kSide * kSide)));
  const std::size_t plane = kSide * kSide;
  EXPECT_TRUE(std::equal(kept.begin(), kept.begin() + plane, kept.begin() + plane)) << "channels go together";
  EXPECT_FALSE(std::equal(kept.begin(), kept.begin() + plane, kept.begin() + kPixels)) << "chains do not";
}

TEST_F(SamplePicturesTest, RestoredImagesAreShownBesideTheGivenOnes) {
  expect_success(restoring({"--mask", "left", "--init", "uniform"}, "out.png"));
  const report::Image figure = report::read_png(at("out.png"));
  const int grid = 3 * (2 * kSide + 2) + 2, caption = figure.height - (2 * (2 * kSide + 2) + 2), gap = 16;
  ASSERT_EQ(figure.width, 3 * grid + 2 * gap);
  const std::vector<float> given = make_images(1);
  const auto red = [&](int panel, int x, int y) {
    return figure.at(panel * (grid + gap) + 2 + 2 * x, caption + 2 + 2 * y)[0];
  };
  for (int y = 0; y < kSide; ++y)
    for (int x = 0; x < kSide; ++x) {
      const std::uint8_t original = report::pixel_byte(given[static_cast<std::size_t>(y * kSide + x)]);
      EXPECT_EQ(red(0, x, y), original);
      EXPECT_EQ(red(1, x, y), x < kSide / 2 ? 128 : original) << "free pixels are grey";
      if (x >= kSide / 2) {
        EXPECT_EQ(red(2, x, y), original);
      }
    }
}

TEST_F(SamplePicturesTest, EveryClassHasItsRow) {
  const Words common{"--init",   "uniform", "--steps",      "1",       "--step-size", "50", "--noise", "0",
                     "--energy", "class",   "--batch-norm", "running", "--count",     "20"};
  Words all = common, third = common;
  all.insert(all.end(), {"--class", "all"});
  third.insert(third.end(), {"--class", "3"});
  const std::vector<double> every = run(with(all)), labels = read("out.h5", "/labels");
  const std::vector<double> one = run(with(third));
  ASSERT_EQ(labels.size(), 20u);
  for (std::size_t c = 0; c < 20; ++c) {
    EXPECT_EQ(labels[c], static_cast<double>(c % 10));
    const auto begin = static_cast<std::ptrdiff_t>(c * kPixels);
    EXPECT_EQ(std::equal(every.begin() + begin, every.begin() + begin + kPixels, one.begin() + begin),
              c % 10 == 3)
        << c;
  }
  expect_success(with(all, "grid.png"));
  const report::Image grid = report::read_png(at("grid.png"));
  EXPECT_EQ(grid.width, 2 * (2 * kSide + 2) + 2);
  EXPECT_EQ(grid.height, 10 * (2 * kSide + 2) + 2);
  // Row 3, column 1 is chain 13.
  const std::uint8_t* corner = grid.at(2 + 2 * kSide + 2, 2 + 3 * (2 * kSide + 2));
  EXPECT_EQ(corner[0], report::pixel_byte(static_cast<float>(every[13 * kPixels])));
}

TEST_F(SamplePicturesTest, PicturesOnTheWay) {
  expect_success(
      with({"--init", "uniform", "--count", "9", "--steps", "5", "--step-size", "50", "--grid-every", "2",
            "--animation", at("a.png"), "--filmstrip", at("strip.png"), "--frames", "4"},
           "out.png"));
  for (const std::string step : {"000000", "000002", "000004", "000005"})
    EXPECT_TRUE(exists("out-step-" + step + ".png")) << step;
  EXPECT_FALSE(exists("out-step-000001.png"));
  EXPECT_EQ(bytes("out-step-000005.png"), bytes("out.png"));
  EXPECT_NE(bytes("out-step-000000.png"), bytes("out.png"));
  const std::vector<report::DecodedFrame> frames = report::decode_apng(bytes("a.png"));
  ASSERT_EQ(frames.size(), 4u);
  EXPECT_EQ(frames[0].milliseconds, 100);
  EXPECT_EQ(frames[3].milliseconds, 1100);
  // Below its caption the last frame is the grid of --out.
  const report::Image out = report::read_png(at("out.png"));
  const std::ptrdiff_t size = static_cast<std::ptrdiff_t>(out.pixels.size());
  ASSERT_GT(frames[3].image.pixels.size(), out.pixels.size());
  EXPECT_TRUE(std::equal(out.pixels.begin(), out.pixels.end(), frames[3].image.pixels.end() - size));
  const report::Image strip = report::read_png(at("strip.png"));
  EXPECT_EQ(strip.width, 4 * (2 * kSide + 2) + 2);
  EXPECT_EQ(strip.height, 9 * (2 * kSide + 2) + 2);
  expect_success(with({"--init", "uniform", "--count", "9", "--steps", "5", "--animation", at("a.gif")}));
  EXPECT_EQ(report::decode_gif(bytes("a.gif")).size(), 6u);
}

TEST_F(SamplePicturesTest, EnergiesOnTheWay) {
  const RunResult result =
      expect_success(with({"--init", "uniform", "--count", "70", "--steps", "5", "--step-size", "1",
                           "--noise", "0", "--energy-every", "2", "--json"}));
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["chains"], 70);
  std::vector<int> steps;
  for (const auto& row : json["energies"]) {
    steps.push_back(row["step"]);
    EXPECT_LE(row["least"], row["mean"]);
    EXPECT_LE(row["mean"], row["most"]);
  }
  EXPECT_THAT(steps, ::testing::ElementsAre(0, 2, 4, 5));
  EXPECT_LT(json["energies"][3]["mean"], json["energies"][0]["mean"]) << "chains go downhill";
  EXPECT_THAT(result.err, ::testing::HasSubstr("step 4: energy "));
}

TEST_F(SamplePicturesTest, BadMasksAndPictures) {
  const auto refuse = [&](const Words& options, const std::string& message) {
    expect_bad_input(restoring(options), message, "none");
  };
  write_mask("large.png", 20, [](int, int) { return true; });
  write_mask("black.png", kSide, [](int, int) { return false; });
  refuse({"--mask", at("large.png")}, "is 20x20 pixels, the model's images are 8x8");
  refuse({"--mask", at("black.png")}, "is black everywhere");
  refuse({"--mask", at("absent.png")}, "does not exist; give a PNG");
  refuse({"--mask", "centre"}, "does not exist; give a PNG");
  refuse({"--mask", "center:9x2"}, "outside 1x1 ... 8x8");
  refuse({"--mask", "center:4"}, "expected center:HxW");
  refuse({"--mask", "random:0"}, "above 0 and at most 1");
  refuse({"--mask", model_}, "is no images file");
  refuse({"--mask", write_images("three.h5", 3), "--init", "uniform"}, "holds 3 masks for 5 images");
  refuse({"--mask", "left", "--noise-images", "0.1", "--init", "uniform"}, "leave --init");
  refuse({"--noise-images", "-1"}, "--noise-images -1 is outside");
  const auto refuse_plain = [&](const Words& options, const std::string& message) {
    Words words = with({"--init", "uniform", "--count", "5"});
    words.insert(words.end(), options.begin(), options.end());
    expect_bad_input(words, message, "none");
  };
  refuse_plain({"--mask", "left"}, "give --init-images");
  refuse_plain({"--noise-images", "0.1"}, "give --init-images");
  refuse_plain({"--animation", at("a.mp4")}, "does not end in .png (animated PNG) or .gif");
  refuse_plain({"--animation", at("absent/a.png")}, "does not exist; create it");
  refuse_plain({"--filmstrip", at("out.h5")}, "does not end in .png");
  refuse_plain({"--frames", "3"}, "is for --animation and --filmstrip");
  refuse_plain({"--grid-every", "0"}, "--grid-every 0 is outside");
  refuse_plain({"--energy", "class", "--class", "all"}, "5 chains cannot be shared by 10 classes");
  refuse_plain({"--energy", "class", "--class", "cat"}, "--class cat is outside 0 ... 9 and not 'all'");
  const std::string headless = write_model("headless.h5", {}, 0);
  expect_bad_input({"sample", "--checkpoint", headless, "--count", "10", "--init", "uniform", "--energy",
                    "class", "--class", "all", "--out", at("out.h5")},
                   "needs a class head", "none");
}

}  // namespace
}  // namespace mebm::testing

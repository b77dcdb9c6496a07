#include "engine/io/images_file.h"

#include <cmath>
#include <numeric>

#include "engine/io/checkpoint_file.h"
#include "tests/io/test_files.h"

namespace mebm::engine {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::input_error;

class ImagesFileTest : public testing::TestDirectory {
 protected:
  template <typename T>
  std::string refused(const Hdf5Shape& shape, const std::vector<T>& images,
                      const std::vector<std::int64_t>& labels = {}) {
    Hdf5Writer writer;
    writer.write("/images", shape, images.data());
    if (!labels.empty()) writer.write("/labels", {static_cast<std::int64_t>(labels.size())}, labels.data());
    write_file(at("bad.h5"), writer);
    return input_error([&] { read_images_file(at("bad.h5")); });
  }
};

TEST_F(ImagesFileTest, BytesWithLabelsFromH5py) {
  const ImagesFile images = read_images_file(MEBM_SOURCE_DIR "/tests/io/fixtures/images.h5");
  EXPECT_EQ(images.count, 3);
  EXPECT_EQ(images.channels, 2);
  EXPECT_EQ(images.height, 4);
  EXPECT_EQ(images.width, 4);
  ASSERT_EQ(images.bytes.size(), 96u);
  for (std::size_t i = 0; i < 96; ++i) EXPECT_EQ(images.bytes[i], i % 251);
  EXPECT_TRUE(images.values.empty());
  EXPECT_TRUE(images.values64.empty());
  EXPECT_THAT(images.labels, ElementsAre(3, 0, 9));
}

TEST_F(ImagesFileTest, FloatsRoundTripAndClamp) {
  const std::vector<float> written{-1.0009f, -1, 0.5f, 1.001f};
  write_images_file(at("x.h5"), {1, 1, 2, 2}, std::span(written));
  const ImagesFile images = read_images_file(at("x.h5"));
  EXPECT_THAT(images.values, ElementsAre(-1.0f, -1.0f, 0.5f, 1.0f));
  EXPECT_TRUE(images.bytes.empty());
  EXPECT_TRUE(images.values64.empty());
  EXPECT_TRUE(images.labels.empty());
}

TEST_F(ImagesFileTest, DoublesKeepTheirPrecision) {
  const std::vector<double> written{0.1, -0.3, 1.0 / 3, 1.0005};
  write_images_file(at("x.h5"), {4, 1, 1, 1}, std::span(written));
  const ImagesFile images = read_images_file(at("x.h5"));
  EXPECT_EQ(images.count, 4);
  EXPECT_THAT(images.values64, ElementsAre(0.1, -0.3, 1.0 / 3, 1.0));
  EXPECT_THAT(images.values, ElementsAre(0.1f, -0.3f, 1.0f / 3, 1.0f));
}

TEST_F(ImagesFileTest, BadContentIsNamed) {
  std::vector<float> values(2 * 3 * 2 * 2, 0.5f);
  values[17] = std::nanf("");
  EXPECT_THAT(refused<float>({2, 3, 2, 2}, values),
              AllOf(HasSubstr("bad.h5"), HasSubstr("'images' is nan at [1, 1, 0, 1]"), HasSubstr("[-1, 1]")));
  values[17] = 254;
  EXPECT_THAT(refused<float>({2, 3, 2, 2}, values), HasSubstr("is 254 at [1, 1, 0, 1]"));
  values[17] = -1.0011f;
  EXPECT_THAT(refused<float>({2, 3, 2, 2}, values), HasSubstr("is -1.0011 at [1, 1, 0, 1]"));
  values[17] = 0;
  EXPECT_THAT(refused<float>({6, 2, 2}, values), HasSubstr("shape [6, 2, 2], expected [N, C, H, W]"));
  EXPECT_THAT(refused<float>({1, 1, 4, 6}, values), HasSubstr("4x6 are not square"));
  EXPECT_THAT(refused<float>({0, 3, 2, 2}, {}), HasSubstr("is empty: shape [0, 3, 2, 2]"));
  EXPECT_THAT(refused<double>({1, 1, 1, 1}, {HUGE_VAL}), HasSubstr("is inf at [0, 0, 0, 0]"));
  EXPECT_THAT(refused<std::int64_t>({1, 1, 1, 1}, {5}), HasSubstr("has type int64, expected uint8"));
  EXPECT_THAT(refused<std::uint8_t>({2, 1, 1, 1}, {1, 2}, {1, 2, 3}),
              AllOf(HasSubstr("'/labels'"), HasSubstr("[3], expected [2]")));
}

TEST_F(ImagesFileTest, MissingDatasetListsWhatThereIs) {
  Hdf5Writer writer;
  const float one = 1;
  writer.write("/pictures", {1}, &one);
  write_file(at("x.h5"), writer);
  EXPECT_THAT(input_error([&] { read_images_file(at("x.h5")); }),
              HasSubstr("it has no 'images' (it holds: pictures)"));
}

TEST_F(ImagesFileTest, SamplesBeyondTheRangeAreTakenWithinTheirBoundWhereAskedFor) {
  const std::vector<float> written{-2.5f, 0.5f, 1.0005f, 3};
  const Hdf5Shape shape{1, 1, 2, 2};
  const auto write = [&](double clamp) {
    write_images_file(at("x.h5"), shape, std::span(written), {{kPixelClamp, clamp}});
  };
  for (const double clamp : {0.0, 3.0, 4.0}) {
    write(clamp);
    EXPECT_EQ(read_images_file(at("x.h5"), true).values, written) << clamp;
    EXPECT_THAT(input_error([&] { read_images_file(at("x.h5")); }),
                AllOf(HasSubstr("is -2.5 at [0, 0, 0, 0]"), HasSubstr("another --pixel-clamp than 1")));
  }
  for (const double clamp : {1.0, 0.5, 2.75}) {
    write(clamp);
    EXPECT_THAT(input_error([&] { read_images_file(at("x.h5"), true); }), HasSubstr("expected [-"));
  }
  write(-1);
  EXPECT_THAT(input_error([&] { read_images_file(at("x.h5"), true); }),
              HasSubstr("attribute pixel_clamp is -1"));
  write_images_file(at("x.h5"), shape, std::span(written));
  EXPECT_THAT(input_error([&] { read_images_file(at("x.h5"), true); }), HasSubstr("expected [-1, 1]"));
}

TEST_F(ImagesFileTest, FloatLabelsAreRefused) {
  Hdf5Writer writer;
  const std::uint8_t byte = 1;
  const float label = 1;
  writer.write("/images", {1, 1, 1, 1}, &byte);
  writer.write("/labels", {1}, &label);
  write_file(at("x.h5"), writer);
  EXPECT_THAT(input_error([&] { read_images_file(at("x.h5")); }), HasSubstr("'labels' has type float32"));
}

TEST_F(ImagesFileTest, ScoresFile) {
  std::vector<double> energy{1, 2}, logits(20), features(6), gradient(8);
  std::iota(logits.begin(), logits.end(), 0.5);
  Scores<double> scores{2, energy, logits, features, gradient, {2, 1, 2, 2}};
  write_scores_file(at("s.h5"), scores);
  const Hdf5Reader reader = open_checked(at("s.h5"));
  EXPECT_EQ(reader.read<double>("/energy", {2}), energy);
  EXPECT_EQ(reader.read<double>("/logits", {2, 10}), logits);
  EXPECT_EQ(reader.shape("/features"), (Hdf5Shape{2, 3}));
  EXPECT_EQ(reader.dataset("/input_gradient").type, Hdf5Type::f64);
  const std::vector<float> single{4};
  write_scores_file(at("s.h5"), Scores<float>{1, single, {}, {}, {}, {}});
  EXPECT_EQ(open_checked(at("s.h5")).list("/").size(), 1u);
}

}  // namespace
}  // namespace mebm::engine

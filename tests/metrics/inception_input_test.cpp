// Resize and normalisation against scalar formulas, and against what Pillow and PyTorch wrote.

#include "metrics/inception_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "engine/core/error.h"
#include "engine/io/hdf5.h"
#include "tests/metrics/formula_inception.h"

namespace mebm::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr int kSide = 299;

std::vector<float> prepared(InceptionProtocol protocol, const OwnedImages& images, int side = kSide) {
  std::vector<float> out(static_cast<std::size_t>(images.count) * 3 * static_cast<std::size_t>(side) *
                         static_cast<std::size_t>(side));
  InceptionInput(protocol, images.height, images.width, side).prepare(images.view(), 2, out.data());
  return out;
}

// TensorFlow 1's ResizeBilinear with align_corners = false, of one output pixel, in fp32.
float tf1_pixel(const OwnedImages& images, int n, int c, int y, int x) {
  const auto at = [&](int row, int column) {
    return static_cast<float>(images.pixels[static_cast<std::size_t>(
        ((n * images.channels + c) * images.height + row) * images.width + column)]);
  };
  const float scale_y = static_cast<float>(images.height) / kSide,
              scale_x = static_cast<float>(images.width) / kSide;
  const float source_y = static_cast<float>(y) * scale_y, source_x = static_cast<float>(x) * scale_x;
  const int top = static_cast<int>(std::floor(source_y)), left = static_cast<int>(std::floor(source_x));
  const int bottom = std::min(top + 1, images.height - 1), right = std::min(left + 1, images.width - 1);
  const float dy = source_y - static_cast<float>(top), dx = source_x - static_cast<float>(left);
  const float upper = at(top, left) + (at(top, right) - at(top, left)) * dx;
  const float lower = at(bottom, left) + (at(bottom, right) - at(bottom, left)) * dx;
  return (upper + (lower - upper) * dy - 128.0f) / 128.0f;
}

TEST(InceptionInputTest, TorchFidelitysResizeIsTheScalarFormulaExactly) {
  for (const OwnedImages& images : {formula_images("colour", 2, 3, 32, 32), formula_images("a", 1, 3, 17, 41),
                                    formula_images("b", 1, 3, 299, 299), formula_images("c", 1, 3, 512, 305),
                                    formula_images("d", 1, 3, 1, 2)}) {
    const std::vector<float> got = prepared(InceptionProtocol::torch_fidelity, images);
    std::int64_t wrong = 0;
    std::size_t i = 0;
    for (int n = 0; n < images.count; ++n)
      for (int c = 0; c < 3; ++c)
        for (int y = 0; y < kSide; ++y)
          for (int x = 0; x < kSide; ++x) wrong += got[i++] != tf1_pixel(images, n, c, y, x);
    EXPECT_EQ(wrong, 0) << images.height << "x" << images.width;
  }
}

TEST(InceptionInputTest, HalfPixelsAreTheScalarFormulasInFp64) {
  const OwnedImages images = formula_images("colour", 1, 3, 40, 48);
  const std::vector<float> got = prepared(InceptionProtocol::pytorch_fid, images);
  double worst = 0;
  for (int c = 0; c < 3; ++c)
    for (int y = 0; y < kSide; ++y)
      for (int x = 0; x < kSide; ++x) {
        const double sy = std::max((y + 0.5) * 40 / kSide - 0.5, 0.0),
                     sx = std::max((x + 0.5) * 48 / kSide - 0.5, 0.0);
        const int top = static_cast<int>(sy), left = static_cast<int>(sx);
        const auto at = [&](int row, int column) {
          const std::int64_t i = (c * 40 + std::min(row, 39)) * 48 + std::min(column, 47);
          return images.pixels[static_cast<std::size_t>(i)] / 127.5 - 1;
        };
        const double dy = sy - top, dx = sx - left;
        const double expected = (1 - dy) * ((1 - dx) * at(top, left) + dx * at(top, left + 1)) +
                                dy * ((1 - dx) * at(top + 1, left) + dx * at(top + 1, left + 1));
        worst =
            std::max(worst, std::fabs(expected - got[static_cast<std::size_t>((c * kSide + y) * kSide + x)]));
      }
  EXPECT_LE(worst, 2e-5);  // fp32 positions near 40 are off by 4e-6, neighbours differ by up to 2
}

struct Golden {
  const char* group;
  InceptionProtocol protocol;
  OwnedImages images;
  double tolerance;
};

TEST(InceptionInputTest, EveryProtocolIsWhatPillowAndPyTorchMake) {
  const engine::Hdf5Reader file(MEBM_SOURCE_DIR "/tests/golden/inception.h5");
  const auto step = static_cast<int>(file.attribute_int("/", "pixel_step"));
  const int kept = (kSide + step - 1) / step;
  const OwnedImages large = formula_images("large", 1, 3, 420, 333);
  for (const Golden& g : {Golden{"/colour/torch-fidelity", InceptionProtocol::torch_fidelity,
                                 formula_images("colour", 1, 3, 40, 48), 0},
                          Golden{"/grey/torch-fidelity", InceptionProtocol::torch_fidelity,
                                 formula_images("grey", 1, 1, 28, 28), 0},
                          Golden{"/large/clean", InceptionProtocol::clean, large, 1e-6},
                          Golden{"/large/pytorch-fid", InceptionProtocol::pytorch_fid, large, 1e-4}}) {
    const std::vector<float> expected =
        file.read<float>(std::string(g.group) + "/pixels", {1, 3, kept, kept});
    const std::vector<float> got = prepared(g.protocol, g.images);
    double worst = 0;
    std::size_t i = 0;
    for (int c = 0; c < 3; ++c)
      for (int y = 0; y < kSide; y += step)
        for (int x = 0; x < kSide; x += step, ++i)
          worst = std::max(worst, std::fabs(double{expected[i]} -
                                            got[static_cast<std::size_t>((c * kSide + y) * kSide + x)]));
    EXPECT_LE(worst, g.tolerance) << g.group;
  }
}

TEST(InceptionInputTest, CleanClipsWhatTheCubicOvershoots) {
  OwnedImages images{std::vector<std::uint8_t>(64, 0), 1, 1, 8, 8};
  for (std::size_t i = 0; i < 64; ++i) images.pixels[i] = i % 8 < 4 ? 0 : 255;
  const std::vector<float> got = prepared(InceptionProtocol::clean, images);
  EXPECT_EQ(*std::min_element(got.begin(), got.end()), -1.0f);
  EXPECT_EQ(*std::max_element(got.begin(), got.end()), 127.0f / 128.0f);
}

TEST(InceptionInputTest, ProtocolsHaveNames) {
  for (const char* name : {"torch-fidelity", "pytorch-fid", "clean"})
    EXPECT_EQ(name_of(parse_inception_protocol(name)), name);
  EXPECT_THAT([] { parse_inception_protocol("tfgan"); },
              ThrowsMessage<engine::InputError>(HasSubstr(
                  "protocol 'tfgan' is unknown; the protocols are torch-fidelity, pytorch-fid and clean")));
}

}  // namespace
}  // namespace mebm::metrics

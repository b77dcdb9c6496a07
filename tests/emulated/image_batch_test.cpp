#include "kernels/image_batch/image_batch.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "data/augment.h"
#include "data/image_set.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/random_normal/random_normal.h"
#include "tests/emulated/device_array.h"
#include "tests/emulated/normal_bounds.h"
#include "tests/reference/test_data.h"

namespace mebm::test {
namespace {

namespace image_batch = kernels::image_batch;
using image_batch::device::Params;
using image_batch::device::Row;

constexpr std::uint64_t kSeed = 77;
constexpr std::uint32_t kIteration = 9, kFirstSlot = 1u << 20;

data::ImageSet image_set(int count, int channels, int height, int width) {
  data::ImageSet set;
  set.channels = channels;
  set.height = height;
  set.width = width;
  for (double v :
       reference::random_values(static_cast<std::size_t>(count * channels * height * width), 1, 0, 255.999))
    set.pixels.push_back(static_cast<std::uint8_t>(v));
  set.pixels[0] = 0;
  set.pixels[1] = 255;
  return set;
}

// Rows of a batch: the images backwards, each with its crop or as it is.
struct Batch {
  std::vector<std::int64_t> images;
  std::vector<data::Crop> crops;
  std::vector<Row> rows;
};

Batch batch_of(const data::ImageSet& set, std::size_t rows, bool cropped) {
  Batch batch;
  for (std::size_t j = 0; j < rows; ++j) {
    batch.images.push_back((set.count() - 1 - static_cast<std::int64_t>(j)) % set.count());
    batch.crops.push_back(cropped ? data::draw_crop(kernels::PhiloxKey(kSeed), kIteration,
                                                    kFirstSlot + static_cast<std::uint32_t>(j))
                                  : data::Crop{});
    const data::Crop& crop = batch.crops.back();
    batch.rows.push_back({static_cast<std::uint32_t>(batch.images.back()),
                          static_cast<std::uint8_t>(crop.row), static_cast<std::uint8_t>(crop.column),
                          crop.flip, cropped});
  }
  return batch;
}

// What the host's mini-batches hold: decode, crop, then noise.
template <typename Real>
std::vector<Real> host_batch(const data::ImageSet& set, const Batch& batch, bool cropped, double noise) {
  const auto size = static_cast<std::size_t>(set.image_size());
  std::vector<Real> out(batch.rows.size() * size), image(size);
  for (std::size_t j = 0; j < batch.rows.size(); ++j) {
    data::decode(set, batch.images[j], image.data());
    if (cropped)
      data::apply_crop(image.data(), set.channels, set.height, set.width, batch.crops[j],
                       out.data() + j * size);
    else
      std::copy(image.begin(), image.end(), out.begin() + static_cast<std::ptrdiff_t>(j * size));
  }
  if (noise == 0) return out;
  kernels::random_normal::Params params;
  params.rows = static_cast<std::int64_t>(batch.rows.size());
  params.elements = set.image_size();
  params.key = kernels::PhiloxKey(kSeed);
  params.purpose = kernels::RandomPurpose::data_noise;
  params.iteration = kIteration;
  params.first_slot = kFirstSlot;
  std::vector<Real> normal(out.size());
  kernels::random_normal::fill<Real>({}, params, normal.data());
  kernels::elementwise::axpby<Real>({}, static_cast<std::int64_t>(out.size()), noise, normal.data(), 1,
                                    out.data());
  return out;
}

// One line of the reflected image: a walk that turns round at both ends.
std::vector<int> reflected_line(int extent, int padding) {
  std::vector<int> line;
  int at = padding, step = -1;
  for (int i = 0; i < extent + 2 * padding; ++i) {
    line.push_back(at);
    if (at == 0) step = 1;
    if (at == extent - 1) step = -1;
    at += step;
  }
  return line;
}

// By hand, in fp64: padded lines, a window, the window mirrored.
reference::Values oracle(const data::ImageSet& set, const Batch& batch, bool cropped, double noise) {
  const std::vector<int> rows = reflected_line(set.height, 4), columns = reflected_line(set.width, 4);
  reference::Values out;
  for (std::size_t j = 0; j < batch.rows.size(); ++j) {
    const Row& row = batch.rows[j];
    std::uint32_t element = 0;
    for (int c = 0; c < set.channels; ++c)
      for (int h = 0; h < set.height; ++h)
        for (int w = 0; w < set.width; ++w) {
          const int window = row.flip ? set.width - 1 - w : w;
          const int from_row = cropped ? rows[static_cast<std::size_t>(row.row_offset + h)] : h;
          const int from_column = cropped ? columns[static_cast<std::size_t>(row.column_offset + window)] : w;
          const auto pixel = static_cast<std::size_t>(
              ((batch.images[j] * set.channels + c) * set.height + from_row) * set.width + from_column);
          double value = set.pixels[pixel] / 127.5 - 1;
          if (noise != 0)
            value += noise * reference::normal(kSeed, 12, kIteration,
                                               kFirstSlot + static_cast<std::uint32_t>(j), 0, element);
          out.push_back(value);
          ++element;
        }
  }
  return out;
}

Params params_of(const data::ImageSet& set, const Batch& batch, double noise, const std::uint32_t* cell) {
  Params params;
  params.rows = static_cast<std::int64_t>(batch.rows.size());
  params.channels = set.channels;
  params.height = set.height;
  params.width = set.width;
  params.count = set.count();
  params.divisor = 127.5;
  params.shift = -1;
  params.noise = noise;
  params.key = kernels::PhiloxKey(kSeed);
  params.first_slot = kFirstSlot;
  params.iteration_cell = cell;
  return params;
}

template <typename Real>
void expect_batch(const data::ImageSet& set, std::size_t row_count, bool cropped, double noise,
                  double bound) {
  const Batch batch = batch_of(set, row_count, cropped);
  const DeviceArray<std::uint8_t> images(set.pixels);
  const DeviceArray<Row> rows(batch.rows);
  const DeviceArray<std::uint32_t> iteration(std::vector<std::uint32_t>{kIteration});
  const Params params = params_of(set, batch, noise, iteration.get());
  const DeviceArray<Real> out(row_count * static_cast<std::size_t>(set.image_size()));
  run_in_both_orders(
      [&] {
        out.poison();
        return image_batch::device::load<Real>(emulated_exec(), params, images.get(), rows.get(), out.get());
      },
      [&] { return bytes_of(out.values()); });
  const std::string what = std::to_string(set.channels) + " x " + std::to_string(set.height) + " x " +
                           std::to_string(set.width) + (cropped ? ", cropped" : "") + ", noise " +
                           std::to_string(noise);
  // Without noise equal bits; the sum of two numbers below 4 rounds by 2^-23 at most on each side.
  const double rounding = sizeof(Real) == sizeof(float) && noise > 0 ? 0x1p-22 : 0;
  EXPECT_TRUE(reference::within(widened(out.values()), widened(host_batch<Real>(set, batch, cropped, noise)),
                                noise * kNormalDistance<Real> + rounding))
      << what;
  EXPECT_TRUE(reference::within(widened(out.values()), oracle(set, batch, cropped, noise), bound)) << what;
}

// fp32: two roundings of values up to 2, and of the normal 5e-4 of the noise (see the normals' test).
void expect_set(const data::ImageSet& set, std::size_t rows) {
  for (bool cropped : {false, true})
    for (double noise : {0.0, 0.03}) {
      expect_batch<float>(set, rows, cropped, noise, 3e-7 + 5e-4 * noise);
      expect_batch<double>(set, rows, cropped, noise, 1e-14);
    }
}

TEST(EmulatedImageBatch, EqualsTheHostAndTheOracle) {
  for (int channels : {1, 3}) {
    expect_set(image_set(5, channels, 5, 5), 4);
    expect_set(image_set(3, channels, 7, 9), 3);
    expect_set(image_set(3, channels, 31, 33), 2);
    expect_set(image_set(4, channels, 32, 32), 4);
  }
}

TEST(EmulatedImageBatch, SmallImagesPaddedToNetworkSize) {
  data::ImageSet set = image_set(3, 1, 28, 28);
  data::pad_to_network_size(set);
  expect_set(set, 3);
}

TEST(EmulatedImageBatch, EveryWindow) {
  const data::ImageSet set = image_set(1, 2, 5, 6);
  Batch batch;
  for (int row = 0; row <= 8; ++row)
    for (int column = 0; column <= 8; ++column)
      for (bool flip : {false, true}) {
        batch.images.push_back(0);
        batch.crops.push_back({row, column, flip});
        batch.rows.push_back({0, static_cast<std::uint8_t>(row), static_cast<std::uint8_t>(column), flip, 1});
      }
  const DeviceArray<std::uint8_t> images(set.pixels);
  const DeviceArray<Row> rows(batch.rows);
  const DeviceArray<float> out(batch.rows.size() * 60);
  const kernels::Status status = image_batch::device::load<float>(
      emulated_exec(), params_of(set, batch, 0, nullptr), images.get(), rows.get(), out.get());
  ASSERT_TRUE(status.ok()) << status.error();
  EXPECT_EQ(out.values(), host_batch<float>(set, batch, true, 0));
}

TEST(EmulatedImageBatch, SetsOfDecodedValues) {
  data::ImageSet set = image_set(3, 3, 9, 11);
  set.pixels.clear();
  for (double v : reference::random_values(static_cast<std::size_t>(3 * set.image_size()), 6))
    set.values.push_back(static_cast<float>(v));
  const Batch batch = batch_of(set, 3, true);
  const DeviceArray<float> images(set.values), out(set.values.size());
  const DeviceArray<Row> rows(batch.rows);
  Params params = params_of(set, batch, 0, nullptr);
  params.divisor = 1;
  params.shift = 0;
  const kernels::Status status =
      image_batch::device::load(emulated_exec(), params, images.get(), rows.get(), out.get());
  ASSERT_TRUE(status.ok()) << status.error();
  EXPECT_EQ(out.values(), host_batch<float>(set, batch, true, 0));
}

TEST(EmulatedImageBatch, SaysWhatItCannotDo) {
  const data::ImageSet small = image_set(1, 1, 4, 9);
  const Batch batch = batch_of(small, 1, false);
  const auto error = [&](const Params& params) {
    return image_batch::device::load<float, std::uint8_t>(emulated_exec(), params, nullptr, nullptr, nullptr)
        .error();
  };
  EXPECT_EQ(error(params_of(small, batch, 0, nullptr)),
            "image_batch load (1 x 1 x 4 x 9, padding 4): images cannot be reflect-padded by that much: both "
            "sides must be larger");
  EXPECT_EQ(error(params_of(image_set(1, 1, 8, 8), batch, 0.5, nullptr)),
            "image_batch load (1 x 1 x 8 x 8, padding 4): noise needs the cell that holds the iteration");
  Params empty = params_of(small, batch, 0, nullptr);
  empty.rows = 0;
  EXPECT_EQ(error(empty), "");
}

}  // namespace
}  // namespace mebm::test

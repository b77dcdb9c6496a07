#pragma once
// Batches from a data set that lies on the device: decode, reflect-pad and crop, flip, noise.

#include <cstdint>

#include "kernels/core/device_exec.h"
#include "kernels/core/philox.h"

namespace mebm::kernels::image_batch::device {

// One row of a batch. offsets count from the image's corner after reflect-padding by `padding` pixels.
struct Row {
  std::uint32_t image;
  std::uint8_t row_offset, column_offset, flip, cropped;  // cropped 0: the image as it is
};

struct Params {
  std::int64_t rows = 0, channels = 0, height = 0, width = 0;
  std::int64_t count = 0;    // images in the set
  std::int64_t padding = 4;  // smaller than height and width
  // out = pixel / divisor + shift (a division, so that the values are the host's bit for bit), then
  // + noise N(0, 1) from (key, data_noise, *iteration_cell, slot first_slot + row). The cell may be null
  // where noise is 0.
  double divisor = 1, shift = 0, noise = 0;
  PhiloxKey key;
  std::uint32_t first_slot = 0;
  const std::uint32_t* iteration_cell = nullptr;
};

// images [count][channels][height][width]; rows (device memory) -> out [rows][channels][height][width].
// Pixel: std::uint8_t, or float for a set of decoded values (divisor 1, shift 0).
template <typename Real, typename Pixel>
Status load(const DeviceExec& exec, const Params& params, const Pixel* images, const Row* rows, Real* out);

}  // namespace mebm::kernels::image_batch::device

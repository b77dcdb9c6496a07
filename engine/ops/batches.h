#pragma once
// Batches put together in device memory. On the CPU the rooms above do this themselves, from host memory.

#include "engine/core/random.h"
#include "engine/core/scalar.h"
#include "engine/device/context.h"

namespace mebm::engine::ops {

// One image of a batch: which, and its window in the reflect-padded image (cropped 0: the image as it is).
struct ImageRow {
  std::uint32_t image;
  std::uint8_t row_offset, column_offset, flip, cropped;
};

// value = pixel / divisor + shift, then noise N(0, 1) of purpose data_noise from slot first_slot + row.
struct ImageDecoding {
  double divisor = 1, shift = 0, noise = 0;
  int padding = 0;
  PhiloxKey key;
  std::uint32_t first_slot = 0;
  Scalar<std::uint32_t> iteration{};
};

// out [B,C,H,W] from a set (uint8 or fp32) [N,C,H,W] in device memory; rows: B ImageRow as int32 [B,2].
void load_images(Context& context, const Tensor& set, const Tensor& rows, const ImageDecoding& decoding,
                 Tensor& out);

// A chain of a batch: its row of the replay buffer, and whether it starts from p0 instead.
struct ChainSource {
  std::uint32_t row, restarted;
};

// out[j] = restarted ? fresh[j] : buffer[row]; sources: B ChainSource as int32 [B,2].
void draw_chains(Context& context, const Tensor& sources, const Tensor& buffer, const Tensor& fresh,
                 Tensor& out);
// buffer[row] = states[j]; rows are distinct.
void write_back_chains(Context& context, const Tensor& sources, const Tensor& states, Tensor& buffer);

// Row r of out [N, ...] holds 2 u - 1 for the uniforms u of slot first_slot + r.
void fill_uniform(Context& context, PhiloxKey key, RandomPurpose purpose,
                  const Scalar<std::uint32_t>& iteration, std::uint32_t first_slot, Tensor& out);

}  // namespace mebm::engine::ops

#pragma once
// What the two animation formats share, and the parts of GIF.

#include <cstdint>
#include <span>
#include <vector>

#include "report/animation.h"

namespace mebm::report {

// Throws what encode_apng and encode_gif say.
void check_frames(std::span<const Image> frames, const AnimationTiming& timing);
// Milliseconds of a frame.
int frame_delay(const AnimationTiming& timing, bool last);

// GIF's variable-length LZW code of indices below 2^bits (2 <= bits <= 8), without the bytes that frame it.
std::vector<std::uint8_t> lzw_encode(std::span<const std::uint8_t> indices, int bits);

}  // namespace mebm::report

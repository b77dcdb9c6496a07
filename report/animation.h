#pragma once
// Moving pictures as files: animated PNG (every colour exact) and GIF (256 colours a frame).

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "report/png.h"

namespace mebm::report {

struct AnimationTiming {
  int delay = 100;     // milliseconds that a frame stays; a GIF counts hundredths of a second
  int last_delay = 0;  // of the last frame; 0: as the others
};

// The bytes of an animated PNG that plays for ever; where animation is not known, its first frame shows.
// Throws engine::Error on no frames, frames of different sizes or channels, or a delay outside 1 ... 65535.
std::vector<std::uint8_t> encode_apng(std::span<const Image> frames, const AnimationTiming& timing = {});

// The bytes of a GIF that plays for ever. A frame of at most 256 colours (every grey one) is exact; others
// are shown in the 256 colours that suit them (report/palette.h). Throws as encode_apng; also on a side
// beyond 65535 pixels.
std::vector<std::uint8_t> encode_gif(std::span<const Image> frames, const AnimationTiming& timing = {});

// By the name's end: .gif, else animated PNG. Atomic: a reader sees the old file or the new one.
void write_animation(const std::filesystem::path& path, std::span<const Image> frames,
                     const AnimationTiming& timing = {});

}  // namespace mebm::report

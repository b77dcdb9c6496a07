#pragma once
// What the stem's kernels share. Included by its .cu files only.

#include <cstdint>
#include <string>

#include "kernels/core/wide_access.h"
#include "kernels/stem_conv2d/stem_conv2d.h"

namespace mebm::kernels::stem_conv2d::device {

constexpr int kMaxInChannels = 4, kMaxOutChannels = 64, kTaps = 9;
constexpr int kChannels = 8;  // output channels a thread computes or reads together
constexpr int kTile = 4;      // pixels of one row a thread computes
constexpr std::uint32_t kTileBlock = 128;

// The tile of kTile pixels thread `item` of an image works on; inner: work items per tile.
struct Tile {
  int inner, row, column;
};
__device__ __forceinline__ Tile tile_of(std::uint32_t item, std::uint32_t inner, std::uint32_t width) {
  const std::uint32_t tiles = (width + kTile - 1) / kTile;
  const std::uint32_t tile = item / inner, row = tile / tiles;
  return {static_cast<int>(item - tile * inner), static_cast<int>(row),
          static_cast<int>((tile - row * tiles) * kTile)};
}

inline std::string sizes_text(const Params& p) {
  return std::to_string(p.images) + " x " + std::to_string(p.in_channels) + " x " + std::to_string(p.height) +
         " x " + std::to_string(p.width) + " -> " + std::to_string(p.out_channels);
}

// Empty, or why the kernels do not take these sizes.
inline std::string problem_of(const char* name, const Params& p) {
  const auto problem = [&](const char* what) {
    return std::string(name) + " (" + sizes_text(p) + "): " + what;
  };
  if (p.in_channels < 1 || p.in_channels > kMaxInChannels) return problem("in_channels must be 1 ... 4");
  if (p.out_channels < kChannels || p.out_channels > kMaxOutChannels || p.out_channels % kChannels != 0)
    return problem("out_channels must be 8, 16, ... or 64");
  if (p.height * p.width * p.out_channels > 0x7FFFFFFF || p.images * p.height * p.width > 0x7FFFFFFF)
    return problem("more pixels than a 32-bit index holds");
  return {};
}

// One block of kTileBlock threads for as many items of one image; block b works on image b / per_image.
struct TileGrid {
  std::uint32_t per_image, blocks;
};
inline TileGrid tile_grid(const Params& p, std::int64_t inner) {
  const std::uint32_t per_image = blocks_for(p.height * ((p.width + kTile - 1) / kTile) * inner, kTileBlock);
  return {per_image, static_cast<std::uint32_t>(p.images) * per_image};
}

}  // namespace mebm::kernels::stem_conv2d::device

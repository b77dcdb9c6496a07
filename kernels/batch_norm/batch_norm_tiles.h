#pragma once
// What the device kernels of batch-norm share: how they cut their work, and reading coefficients.

#include <string>

#include "kernels/batch_norm/batch_norm.h"
#include "kernels/core/channel_tiles.h"

namespace mebm::kernels::batch_norm::device {

static_assert(kMaxGroups <= ChannelTiles::kMaxRanges);

inline ChannelTiles tiles_of(const DeviceExec& exec, const Params& params, int vector,
                             int blocks_per_multiprocessor, int rows_per_thread) {
  return channel_tiles(params.map.channels, vector, params.groups, params.group_count, params.map.pixels,
                       std::int64_t{exec.multiprocessors} * blocks_per_multiprocessor, rows_per_thread);
}

// The rows from the first group's first to the last group's last.
struct RowHull {
  std::int64_t begin = 0, count = 0;  // in elements
};
inline RowHull hull_of(const Params& params) {
  std::int64_t begin = params.map.images, end = 0;
  for (int g = 0; g < params.group_count; ++g) {
    if (params.groups[g].count == 0) continue;
    begin = std::min(begin, params.groups[g].begin);
    end = std::max(end, params.groups[g].begin + params.groups[g].count);
  }
  const std::int64_t row = params.map.pixels * params.map.channels;
  return end <= begin ? RowHull{} : RowHull{begin * row, (end - begin) * row};
}

inline std::string sizes_of(const Params& params) {
  std::string text = std::to_string(params.map.images) + " x " + std::to_string(params.map.pixels) + " x " +
                     std::to_string(params.map.channels) + ", rows";
  for (int g = 0; g < params.group_count; ++g)
    text.append(" ").append(std::to_string(params.groups[g].count));
  return text;
}

}  // namespace mebm::kernels::batch_norm::device

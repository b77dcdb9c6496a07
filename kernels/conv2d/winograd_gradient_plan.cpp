#include <algorithm>
#include <cstring>

#include "kernels/conv2d/winograd.h"

namespace mebm::kernels::conv2d::winograd {
namespace {

// Beyond this size of a set of sums threads share the output channels rather than the tiles: each would need
// sums of its own.
constexpr std::int64_t kLargestSums = 2 << 20;  // floats

class GradientPlan final : public Plan {
 public:
  GradientPlan(const CpuExec& exec, const Params& p, int block, const Options& options)
      : threads_(exec.threads),
        block_(block),
        images_(p.images),
        in_channels_(p.in_channels),
        out_channels_(p.out_channels),
        kernels_(kernels_of(options.instructions, block)),
        geometry_(geometry_of(p, p.in_channels / block, p.out_channels / block)) {
    tiles_ = images_ * geometry_.tile_rows * geometry_.tile_columns;
    pairs_ = (geometry_.destination_blocks + 1) / 2;
    sums_ = kPositions * in_channels_ * out_channels_;
    channel_parts_ = sums_ > kLargestSums ? std::min(pairs_, threads_) : 1;
    tile_parts_ = threads_ / channel_parts_;
    geometry_.destination_chunk = 2;
    const std::int64_t of_part = (tiles_ + tile_parts_ - 1) / tile_parts_;
    const std::int64_t wanted = options.tiles > 0 ? options.tiles : default_tiles();
    const std::int64_t chunks = (of_part + wanted - 1) / wanted;
    geometry_.capacity = (of_part + chunks - 1) / chunks;
  }

  int source_block() const override { return block_; }
  int destination_block() const override { return block_; }
  std::size_t prepared_weight_bytes() const override { return 0; }
  std::size_t workspace_bytes() const override {
    return static_cast<std::size_t>(tile_parts_ * odd_lines(sums_) +
                                    tile_parts_ * channel_parts_ * scratch_floats(geometry_, block_)) *
           sizeof(float);
  }
  const char* algorithm() const override { return "winograd"; }
  std::uint64_t weight_format() const override { return 0; }
  void prepare_weights(const void*, void*) const override {}

  std::string execute(const Buffers& b) const override {
    if (b.dw != nullptr) {
      const std::int64_t parts = tile_parts_ * channel_parts_;
#pragma omp parallel for num_threads(threads_) schedule(static)
      for (std::int64_t part = 0; part < parts; ++part) add_part(b, part);
      const Collection all{static_cast<const float*>(b.workspace),
                           tile_parts_,
                           odd_lines(sums_),
                           static_cast<float*>(b.dw),
                           in_channels_,
                           out_channels_,
                           b.accumulate_weights};
#pragma omp parallel for num_threads(threads_) schedule(static)
      for (std::int64_t pair = 0; pair < pairs_; ++pair) kernels_.collect(all, pair);
    }
    if (b.dbias != nullptr) {
#pragma omp parallel for num_threads(threads_) schedule(static)
      for (std::int64_t k = 0; k < geometry_.destination_blocks; ++k) sum_bias(b, k);
    }
    return {};
  }

 private:
  // More tiles share a reading and writing of the sums; transformed inputs of a chunk should stay cached.
  std::int64_t default_tiles() const {
    const std::int64_t channels = std::max(in_channels_, out_channels_);
    return channels <= 64 ? 48 : channels <= 192 ? 96 : 144;
  }

  void add_part(const Buffers& b, std::int64_t part) const {
    const std::int64_t tile_part = part / channel_parts_, channel_part = part % channel_parts_;
    float* sums = static_cast<float*>(b.workspace) + tile_part * odd_lines(sums_);
    GradientChunk work{};
    work.first = pairs_ * channel_part / channel_parts_ * 2;
    work.end = std::min(pairs_ * (channel_part + 1) / channel_parts_ * 2, geometry_.destination_blocks);
    const std::int64_t of_block = kPositions * in_channels_ * block_;
    std::memset(sums + work.first * of_block, 0,
                static_cast<std::size_t>((work.end - work.first) * of_block) * sizeof(float));
    work.sums = sums;
    work.dy = static_cast<const float*>(b.dy);
    work.tiles.source = static_cast<const float*>(b.x);
    work.tiles.scratch = static_cast<float*>(b.workspace) + tile_parts_ * odd_lines(sums_) +
                         part * scratch_floats(geometry_, block_);
    const std::int64_t end = tiles_ * (tile_part + 1) / tile_parts_;
    for (std::int64_t tile = tiles_ * tile_part / tile_parts_; tile < end; tile += geometry_.capacity) {
      work.tiles.first_tile = tile;
      work.tiles.tiles = std::min(geometry_.capacity, end - tile);
      work.tiles.next_tiles = std::min(geometry_.capacity, end - tile - work.tiles.tiles);
      kernels_.add_gradient(geometry_, work);
    }
  }

  void sum_bias(const Buffers& b, std::int64_t block) const {
    constexpr int kMaxBlock = 16;
    const std::int64_t floats = geometry_.height * geometry_.width * block_;
    double sums[kMaxBlock] = {};
    for (std::int64_t n = 0; n < images_; ++n) {
      const float* map =
          static_cast<const float*>(b.dy) + (n * geometry_.destination_blocks + block) * floats;
      for (std::int64_t at = 0; at < floats; at += block_)
        for (int l = 0; l < block_; ++l) sums[l] += static_cast<double>(map[at + l]);
    }
    float* dbias = static_cast<float*>(b.dbias) + block * block_;
    for (int l = 0; l < block_; ++l)
      dbias[l] = static_cast<float>(sums[l]) + (b.accumulate_bias ? dbias[l] : 0.0f);
  }

  std::int64_t threads_;
  int block_;
  std::int64_t images_, in_channels_, out_channels_;
  Kernels kernels_;
  Geometry geometry_;
  std::int64_t tiles_ = 0, pairs_ = 0, sums_ = 0;  // of all images; of output channel blocks; floats of a set
  std::int64_t tile_parts_ = 1, channel_parts_ = 1;
};

}  // namespace

std::unique_ptr<Plan> make_gradient_plan(const CpuExec& exec, const Params& params, int block,
                                         const Options& options) {
  return std::make_unique<GradientPlan>(exec, params, block, options);
}

}  // namespace mebm::kernels::conv2d::winograd

#include <algorithm>

#include "kernels/conv2d/winograd.h"

namespace mebm::kernels::conv2d {
namespace winograd {
namespace {

std::int64_t round_up(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

class WinogradPlan final : public Plan {
 public:
  WinogradPlan(const CpuExec& exec, const Params& p, Direction direction, int block, const Options& options)
      : threads_(exec.threads),
        block_(block),
        direction_(direction),
        accumulate_(p.accumulate && direction == Direction::forward),
        kernels_(kernels_of(options.instructions, block)),
        source_channels_(direction == Direction::forward ? p.in_channels : p.out_channels),
        destination_channels_(direction == Direction::forward ? p.out_channels : p.in_channels) {
    geometry_ = geometry_of(p, source_channels_ / block, destination_channels_ / block);
    tiles_ = p.images * geometry_.tile_rows * geometry_.tile_columns;
    geometry_.destination_chunk =
        std::min(round_up(geometry_.destination_blocks, 2),
                 options.channel_blocks > 0 ? options.channel_blocks : std::int64_t{2});
    const std::int64_t wanted = options.tiles > 0 ? options.tiles : default_tiles();
    groups_ = (tiles_ + kernels_.tile_group - 1) / kernels_.tile_group;
    const std::int64_t of_thread = (groups_ + threads_ - 1) / threads_;
    const std::int64_t limit = std::max<std::int64_t>(wanted / kernels_.tile_group, 1);
    const std::int64_t chunks = (of_thread + limit - 1) / limit;
    geometry_.capacity = (of_thread + chunks - 1) / chunks * kernels_.tile_group;
  }

  int source_block() const override { return block_; }
  int destination_block() const override { return block_; }
  std::size_t prepared_weight_bytes() const override {
    return static_cast<std::size_t>(kPositions * source_channels_ * destination_channels_) * sizeof(float);
  }
  std::size_t workspace_bytes() const override {
    return static_cast<std::size_t>(threads_ * scratch_floats(geometry_, block_)) * sizeof(float);
  }
  const char* algorithm() const override { return "winograd"; }

  std::uint64_t weight_format() const override {
    std::uint64_t hash = 14695981039346656037u;
    for (std::int64_t value : {std::int64_t{0x77696e6f}, static_cast<std::int64_t>(direction_),
                               source_channels_, destination_channels_, std::int64_t{block_}})
      hash = (hash ^ static_cast<std::uint64_t>(value)) * 1099511628211u;
    return hash;
  }

  void prepare_weights(const void* plain, void* prepared) const override {
    const Preparation work{static_cast<const float*>(plain), static_cast<float*>(prepared), source_channels_,
                           destination_channels_, direction_ == Direction::backward_data};
    const std::int64_t pairs = (geometry_.destination_blocks + 1) / 2;
#pragma omp parallel for num_threads(threads_) schedule(static)
    for (std::int64_t pair = 0; pair < pairs; ++pair) kernels_.prepare(work, pair);
  }

  std::string execute(const Buffers& b) const override {
    const bool forward = direction_ == Direction::forward;
    const Chunk whole{static_cast<const float*>(forward ? b.x : b.dy),
                      static_cast<const float*>(b.weights),
                      static_cast<const float*>(forward ? b.bias : nullptr),
                      static_cast<float*>(forward ? b.y : b.dx),
                      accumulate_,
                      static_cast<float*>(b.workspace),
                      0,
                      0,
                      0};
#pragma omp parallel for num_threads(threads_) schedule(static)
    for (std::int64_t part = 0; part < threads_; ++part) run_part(whole, part);
    return {};
  }

 private:
  // Weights are read once for all tiles of a chunk: the more there are of them, the more tiles share them. Up
  // to 192 channels a chunk's transformed inputs nearly stay in the second-level cache.
  std::int64_t default_tiles() const {
    return std::max(source_channels_, destination_channels_) <= 192 ? 24 : 96;
  }

  // The tiles of one thread, in chunks.
  void run_part(Chunk chunk, std::int64_t part) const {
    const std::int64_t begin = groups_ * part / threads_ * kernels_.tile_group;
    const std::int64_t end = std::min(groups_ * (part + 1) / threads_ * kernels_.tile_group, tiles_);
    chunk.scratch += part * scratch_floats(geometry_, block_);
    for (std::int64_t tile = begin; tile < end; tile += geometry_.capacity) {
      chunk.first_tile = tile;
      chunk.tiles = std::min(geometry_.capacity, end - tile);
      chunk.next_tiles = std::min(geometry_.capacity, end - tile - chunk.tiles);
      kernels_.convolve(geometry_, chunk);
    }
  }

  std::int64_t threads_;
  int block_;
  Direction direction_;
  bool accumulate_;
  Kernels kernels_;
  std::int64_t source_channels_, destination_channels_;
  Geometry geometry_ = {};
  std::int64_t tiles_ = 0, groups_ = 0;  // of all images
};

}  // namespace

Geometry geometry_of(const Params& params, std::int64_t source_blocks, std::int64_t destination_blocks) {
  Geometry g{};
  g.height = params.in_height;
  g.width = params.in_width;
  g.tile_rows = (params.in_height + kTile - 1) / kTile;
  g.tile_columns = (params.in_width + kTile - 1) / kTile;
  g.source_blocks = source_blocks;
  g.destination_blocks = destination_blocks;
  return g;
}

PlanResult make_plan(const CpuExec& exec, const Params& params, Direction direction, int block,
                     const Options& options) {
  if (std::string problem = winograd_refusal(params, block); !problem.empty())
    return {nullptr, std::move(problem)};
  if (kernels_of(options.instructions, block).convolve == nullptr)
    return {nullptr, "this build has no Winograd kernels for these instructions"};
  if (direction == Direction::backward_weights) return {make_gradient_plan(exec, params, block, options), {}};
  return {std::make_unique<WinogradPlan>(exec, params, direction, block, options), {}};
}

Instructions best_instructions(int block) {
#if defined(__x86_64__)
  if (block == 16 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"))
    return Instructions::avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Instructions::avx2;
#else
  static_cast<void>(block);
#endif
  return Instructions::portable;
}

Kernels kernels_of(Instructions instructions, int block) {
  switch (instructions) {
    case Instructions::avx512:
      return avx512_kernels(block);
    case Instructions::avx2:
      return avx2_kernels(block);
    case Instructions::portable:
      break;
  }
  return portable_kernels(block);
}

}  // namespace winograd

std::string winograd_refusal(const Params& p, int block) {
  if (p.kernel != 3 || p.stride != 1 || p.padding != 1)
    return "Winograd convolutions need kernel 3, stride 1 and padding 1";
  if (block != 8 && block != 16) return "Winograd convolutions need a channel block of 8 or 16";
  if (p.in_channels % block != 0 || p.out_channels % block != 0)
    return "Winograd convolutions need channels in multiples of " + std::to_string(block);
  return {};
}

PlanResult make_winograd_plan(const CpuExec& exec, const Params& params, Direction direction, int block) {
  return winograd::make_plan(exec, params, direction, block,
                             {.instructions = winograd::best_instructions(block)});
}

}  // namespace mebm::kernels::conv2d

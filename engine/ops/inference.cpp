#include "engine/ops/inference.h"

#include <omp.h>

#include <algorithm>
#include <string>
#include <utility>

namespace mebm::engine::ops {
namespace {

constexpr std::int64_t kAlignFloats = 16;  // 64 bytes

std::int64_t align(std::int64_t floats) {
  return (floats + kAlignFloats - 1) / kAlignFloats * kAlignFloats;
}

std::string text(const MapShape& shape) {
  return Shape{shape.channels, shape.height, shape.width}.text();
}

// Memory handed out and taken back along a list of steps.
class Intervals {
 public:
  // The lowest free offset for so many floats.
  std::int64_t take(std::int64_t floats) {
    std::int64_t offset = 0;
    auto place = taken_.begin();
    for (; place != taken_.end() && place->first - offset < floats; ++place) offset = place->second;
    taken_.insert(place, {offset, offset + floats});
    end_ = std::max(end_, offset + floats);
    return offset;
  }
  void give_back(std::int64_t offset) {
    std::erase_if(taken_, [offset](const auto& interval) { return interval.first == offset; });
  }
  std::int64_t end() const { return end_; }

 private:
  std::vector<std::pair<std::int64_t, std::int64_t>> taken_;  // [begin, end), ascending
  std::int64_t end_ = 0;
};

}  // namespace

InferenceProgram::InferenceProgram(Context& context, const MapShape& image)
    : context_(context), block_(1), maps_{image} {
  if (context.on_device())
    fail("inference: not implemented on a device (cuda:{}); make the context for the CPU",
         context.device().index);
  constexpr std::int64_t kAnyMultipleOfBlocks = 64;
  block_ = channel_block(context.feature_layout(kAnyMultipleOfBlocks, DType::fp32));
}

InferenceProgram::Map InferenceProgram::add_map(const MapShape& shape) {
  require(shape.channels > 0 && shape.height > 0 && shape.width > 0, "inference: a map of shape {}",
          text(shape));
  maps_.push_back(shape);
  return static_cast<Map>(maps_.size()) - 1;
}

void InferenceProgram::convolution(Map in, const InferenceConvolution& c, std::span<const float> weights,
                                   std::span<const float> bias, Map out, std::int64_t first_channel) {
  const MapShape input = shape(in);
  const std::int64_t wanted = c.out_channels * input.channels * c.kernel_height * c.kernel_width;
  require(std::ssize(weights) == wanted && std::ssize(bias) == c.out_channels,
          "inference: a convolution of {} needs {} weights and {} biases, got {} and {}", text(input), wanted,
          c.out_channels, weights.size(), bias.size());
  add(kernels::inference::make_convolution(input, c, block_, weights.data(), bias.data()),
      output_shape(input, c), in, out, first_channel);
}

void InferenceProgram::pool(Map in, const InferencePool& pool, Map out, std::int64_t first_channel) {
  add(kernels::inference::make_pool(shape(in), pool, block_), output_shape(shape(in), pool), in, out,
      first_channel);
}

void InferenceProgram::add(kernels::inference::StepResult made, const MapShape& result, Map in, Map out,
                           std::int64_t first_channel) {
  require(made.step != nullptr, "inference: no step from {} to {}: {}", text(shape(in)), text(result),
          made.error);
  const MapShape whole = shape(out);
  const bool all = first_channel == 0 && result == whole;
  const bool slice = result.height == whole.height && result.width == whole.width && first_channel >= 0 &&
                     first_channel + result.channels <= whole.channels && first_channel % block_ == 0 &&
                     result.channels % block_ == 0 && whole.channels % block_ == 0;
  require(in != out && (all || slice), "inference: {} cannot be written to channel {} of {} in blocks of {}",
          text(result), first_channel, text(whole), block_);
  scratch_floats_ = std::max(
      scratch_floats_, align(static_cast<std::int64_t>(made.step->scratch_bytes() / sizeof(float)) + 1));
  calls_.push_back({std::move(made.step), in, out, first_channel * whole.pixels()});
  offsets_.clear();
}

void InferenceProgram::plan_memory() {
  require(!calls_.empty(), "inference: a program without steps");
  std::vector<std::size_t> first(maps_.size(), calls_.size()), last(maps_.size(), 0);
  for (std::size_t i = 0; i < calls_.size(); ++i)
    for (const Map map : {calls_[i].in, calls_[i].out}) {
      first[static_cast<std::size_t>(map)] = std::min(first[static_cast<std::size_t>(map)], i);
      last[static_cast<std::size_t>(map)] = i;
    }
  // Image and result lie in the caller's tensors.
  const auto mapped = [&](std::size_t map) {
    return map != 0 && static_cast<Map>(map) != calls_.back().out && first[map] < calls_.size();
  };
  offsets_.assign(maps_.size(), 0);
  Intervals memory;
  for (std::size_t i = 0; i < calls_.size(); ++i) {
    for (std::size_t map = 0; map < maps_.size(); ++map)
      if (mapped(map) && first[map] == i)
        offsets_[map] = memory.take(align(maps_[map].channels * maps_[map].pixels()));
    for (std::size_t map = 0; map < maps_.size(); ++map)
      if (mapped(map) && last[map] == i) memory.give_back(offsets_[map]);
  }
  maps_end_ = memory.end();
  workspace_.reset();
}

std::int64_t InferenceProgram::workspace_floats() {
  if (offsets_.empty()) plan_memory();
  return maps_end_ + scratch_floats_;
}

std::string InferenceProgram::run_image(const float* image, float* result, float* workspace) const {
  const Map last = calls_.back().out;
  for (const Call& call : calls_) {
    const float* x = call.in == 0      ? image
                     : call.in == last ? result
                                       : workspace + offsets_[static_cast<std::size_t>(call.in)];
    float* y = (call.out == last ? result : workspace + offsets_[static_cast<std::size_t>(call.out)]) +
               call.out_offset;
    std::string problem = call.step->run(x, y, workspace + maps_end_);
    if (!problem.empty()) return problem;
  }
  return {};
}

Tensor InferenceProgram::run(const Tensor& images) {
  const MapShape& wanted = maps_.front();
  const Shape& given = images.shape();
  require(given.rank() == 4 && images.dtype() == DType::fp32 && images.plain_on_host() &&
              MapShape{given[1], given[2], given[3]} == wanted,
          "inference: images {} {} do not fit an input of {} fp32", given.text(), name_of(images.dtype()),
          text(wanted));
  const std::int64_t floats = workspace_floats(), count = given[0];
  const int threads = context_.threads();
  if (!workspace_.defined()) workspace_ = context_.empty({threads, floats}, DType::fp32);
  const MapShape last = shape(calls_.back().out);
  Tensor result = context_.empty({count, last.channels, last.height, last.width}, DType::fp32,
                                 context_.feature_layout(last.channels, DType::fp32));
  const std::int64_t image_floats = wanted.channels * wanted.pixels(),
                     result_floats = last.channels * last.pixels();
  const float* in = images.as<float>();
  float *out = result.as<float>(), *workspace = workspace_.as<float>();
  std::string problem;
#pragma omp parallel num_threads(threads)
  {
    float* own = workspace + floats * static_cast<std::int64_t>(omp_get_thread_num());
#pragma omp for schedule(dynamic, 1)
    for (std::int64_t n = 0; n < count; ++n) {
      std::string said = run_image(in + n * image_floats, out + n * result_floats, own);
      if (said.empty()) continue;
#pragma omp critical
      problem = std::move(said);
    }
  }
  require(problem.empty(), "inference: {}", problem);
  return result;
}

}  // namespace mebm::engine::ops

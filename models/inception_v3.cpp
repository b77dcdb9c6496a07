#include "models/inception_v3.h"

#include <algorithm>
#include <cmath>

#include "engine/ops/dense.h"
#include "engine/ops/elementwise.h"
#include "models/inception_table.h"

namespace mebm::models {
namespace {

using engine::Shape;
using engine::ops::InferenceProgram;
using engine::ops::MapShape;
using inception::Block;
using inception::Branch;
using inception::Kind;
using inception::Step;

constexpr double kEps = 1e-3;
constexpr MapShape kImage{InceptionV3::kChannels, InceptionV3::kImageSize, InceptionV3::kImageSize};

std::string full_name(const Block& block, const Step& step) {
  return (block.name.empty() ? "" : block.name + ".") + std::string(step.name);
}

MapShape result_of(const MapShape& in, const Step& step) {
  return step.kind == Kind::convolution ? output_shape(in, step.convolution) : output_shape(in, step.pool);
}

// Calls visit(branch, step number, its input's shape) for every step of a block; returns the output's shape.
template <typename Visit>
MapShape walk(const Block& block, const MapShape& input, const Visit& visit) {
  MapShape out{};
  for (const Branch& branch : block.branches) {
    MapShape before = input, current = input;
    for (std::size_t i = 0; i < branch.size(); ++i) {
      const MapShape in = branch[i].beside_previous ? before : current;
      visit(branch, i, in);
      before = in;
      current = result_of(in, branch[i]);
      if (inception::ends(branch, i)) out = {out.channels + current.channels, current.height, current.width};
    }
  }
  return out;
}

Shape weight_shape(const Step& step, std::int64_t in_channels) {
  const auto& c = step.convolution;
  return {c.out_channels, in_channels, c.kernel_height, c.kernel_width};
}

const NamedShape& class_weights() {
  static const NamedShape parameter{"fc.weight", {InceptionV3::kClasses, InceptionV3::kFeatures}};
  return parameter;
}

std::vector<float> checked(const ParameterSource& source, const NamedShape& parameter) {
  std::vector<float> values = source(parameter);
  engine::require(std::ssize(values) == parameter.shape.elements(), "{}: {} values, expected {}",
                  parameter.name, values.size(), parameter.shape.text());
  return values;
}

struct Folded {
  std::vector<float> weights, bias;
};

// conv, then gamma (y - mean) / sqrt(variance + eps) + beta, as one convolution with bias.
Folded fold(const ParameterSource& source, const std::string& name, const Shape& shape) {
  const Shape channels{shape[0]};
  Folded out{checked(source, {name + ".conv.weight", shape}), {}};
  const std::vector<float> gamma = checked(source, {name + ".bn.weight", channels});
  const std::vector<float> beta = checked(source, {name + ".bn.bias", channels});
  const std::vector<float> mean = checked(source, {name + ".bn.running_mean", channels});
  const std::vector<float> variance = checked(source, {name + ".bn.running_var", channels});
  const std::size_t row = out.weights.size() / gamma.size();
  out.bias.resize(gamma.size());
  for (std::size_t o = 0; o < gamma.size(); ++o) {
    if (!(variance[o] >= 0))
      engine::fail_input("{}.bn.running_var[{}] is {}, expected 0 or more", name, o, variance[o]);
    const double scale = gamma[o] / std::sqrt(variance[o] + kEps);
    out.bias[o] = static_cast<float>(beta[o] - mean[o] * scale);
    for (float& w : std::span(out.weights).subspan(o * row, row)) w = static_cast<float>(w * scale);
  }
  return out;
}

// Adds a block's steps to the program; returns its output.
InferenceProgram::Map add_block(InferenceProgram& program, const Block& block, InferenceProgram::Map input,
                                const ParameterSource& source) {
  const InferenceProgram::Map out =
      program.add_map(walk(block, program.shape(input), [](const Branch&, std::size_t, const MapShape&) {}));
  std::int64_t filled = 0;
  InferenceProgram::Map before = input, current = input;
  walk(block, program.shape(input), [&](const Branch& branch, std::size_t i, const MapShape& shape) {
    const Step& step = branch[i];
    const InferenceProgram::Map in = i == 0 ? input : step.beside_previous ? before : current;
    const MapShape result = result_of(shape, step);
    const bool end = inception::ends(branch, i);
    const InferenceProgram::Map to = end ? out : program.add_map(result);
    const std::int64_t first = end ? filled : 0;
    if (step.kind == Kind::convolution) {
      const Folded folded = fold(source, full_name(block, step), weight_shape(step, shape.channels));
      program.convolution(in, step.convolution, folded.weights, folded.bias, to, first);
    } else {
      program.pool(in, step.pool, to, first);
    }
    if (end) filled += result.channels;
    before = in;
    current = to;
  });
  return out;
}

}  // namespace

std::vector<NamedShape> InceptionV3::parameters() {
  std::vector<NamedShape> out;
  MapShape shape = kImage;
  for (const Block& block : inception::blocks())
    shape = walk(block, shape, [&](const Branch& branch, std::size_t i, const MapShape& in) {
      if (branch[i].kind != Kind::convolution) return;
      const std::string name = full_name(block, branch[i]);
      const Shape weights = weight_shape(branch[i], in.channels);
      out.push_back({name + ".conv.weight", weights});
      for (const char* part : {"weight", "bias", "running_mean", "running_var"})
        out.push_back({name + ".bn." + part, {weights[0]}});
    });
  out.push_back(class_weights());
  return out;
}

InceptionV3::InceptionV3(engine::Context& context, const ParameterSource& source)
    : context_(context), program_(context, kImage) {
  InferenceProgram::Map map = program_.input();
  for (const Block& block : inception::blocks()) map = add_block(program_, block, map, source);
  const NamedShape& fc = class_weights();
  const std::vector<float> values = checked(source, fc);
  class_weights_ = context.empty(fc.shape, engine::DType::fp32);
  std::copy(values.begin(), values.end(), class_weights_.as<float>());
  no_bias_ = context.empty({kClasses}, engine::DType::fp32);
  std::fill_n(no_bias_.as<float>(), kClasses, 0.0f);
}

InceptionV3::Outputs InceptionV3::forward(const engine::Tensor& images) {
  const engine::Tensor last = program_.run(images);
  Outputs out;
  out.features = engine::ops::global_average_pool(context_, last);
  const std::int64_t count = out.features.extent(0);
  out.logits = context_.empty({count, kClasses}, engine::DType::fp32);
  // Row by row: the order of a matrix product's sums depends on its number of rows.
  for (std::int64_t n = 0; n < count; ++n) {
    const engine::Tensor row =
        engine::ops::linear(context_, out.features.rows(n, 1), class_weights_, no_bias_);
    std::copy_n(row.as<float>(), kClasses, out.logits.as<float>() + n * kClasses);
  }
  return out;
}

}  // namespace mebm::models

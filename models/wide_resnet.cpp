#include "models/wide_resnet.h"

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/layers.h"
#include "engine/core/random.h"
#include "engine/ops/elementwise.h"

namespace mebm::models {

using autograd::Parameter;
using autograd::Tape;
using autograd::Variable;
using engine::Shape;

namespace {
constexpr const char* kStem = "f.conv1";  // reads images, computes in the run's type
}

struct WideResNet::Block {
  std::optional<BatchNorm> bn1;
  Layer conv1;
  std::optional<BatchNorm> bn2;
  Layer conv2;
  std::optional<Layer> shortcut;
  int stride = 1;
};

void WideResNetConfig::validate() const {
  using engine::fail_input;
  if (depth < 10 || depth > 1000 || (depth - 4) % 6 != 0)
    fail_input("model depth {} is not 6n + 4 (10, 16, 22, 28, ...)", depth);
  if (width < 1 || width > 64) fail_input("model width {} is outside 1 ... 64", width);
  if (stages < 3 || stages > 4) fail_input("model stages {} is neither 3 nor 4", stages);
  if (norm != "batch" && norm != "none") fail_input("model norm '{}' is unknown; known: batch, none", norm);
  if (num_classes < 0 || num_classes > 100000)
    fail_input("model num_classes {} is outside 0 ... 100000", num_classes);
  if (in_channels < 1 || in_channels > 16)
    fail_input("model in_channels {} is outside 1 ... 16", in_channels);
  if (image_size < 8 || image_size > 1024)
    fail_input("model image_size {} is outside 8 ... 1024", image_size);
  if (!(leak >= 0 && leak <= 1)) fail_input("model leak {} is outside 0 ... 1", leak);
  if (!(norm_momentum >= 0 && norm_momentum <= 1))
    fail_input("model norm_momentum {} is outside 0 ... 1", norm_momentum);
  if (!(norm_eps > 0 && norm_eps < 1)) fail_input("model norm_eps {} is outside 0 ... 1", norm_eps);
}

std::int64_t WideResNetConfig::parameter_count() const {
  const auto conv = [](std::int64_t in, std::int64_t out, std::int64_t kernel) {
    return out * (in * kernel * kernel + 1);
  };
  const std::int64_t norm_values = norm == "batch" ? 2 : 0;
  const int blocks = (depth - 4) / 6;
  std::int64_t count = conv(in_channels, 16, 3), channels = 16;
  for (int s = 0; s < stages; ++s)
    for (int b = 0; b < blocks; ++b) {
      const std::int64_t out = std::int64_t{16} * width << s;
      count += norm_values * (channels + out) + conv(channels, out, 3) + conv(out, out, 3);
      if ((s > 0 && b == 0) || channels != out) count += conv(channels, out, 1);
      channels = out;
    }
  return count + norm_values * channels + (channels + 1) + num_classes * (channels + 1);
}

WideResNet::WideResNet(engine::Context& context, const WideResNetConfig& config, engine::DType dtype,
                       std::optional<std::uint64_t> seed)
    : context_(context), config_(config), dtype_(dtype) {
  config.validate();
  stem_ = make_layer(kStem, {16, config.in_channels, 3, 3});
  std::int64_t channels = 16;
  for (int s = 0; s < config.stages; ++s)
    for (int b = 0; b < (config.depth - 4) / 6; ++b) {
      const std::string prefix = fmt::format("f.layer{}.{}.", s + 1, b);
      const std::int64_t out = std::int64_t{16} * config.width << s;
      auto block = std::make_unique<Block>();
      block->stride = s > 0 && b == 0 ? 2 : 1;
      block->bn1 = make_norm(prefix + "bn1", channels);
      block->conv1 = make_layer(prefix + "conv1", {out, channels, 3, 3});
      block->bn2 = make_norm(prefix + "bn2", out);
      block->conv2 = make_layer(prefix + "conv2", {out, out, 3, 3});
      if (block->stride != 1 || channels != out)
        block->shortcut = make_layer(prefix + "shortcut.0", {out, channels, 1, 1});
      blocks_.push_back(std::move(block));
      channels = out;
    }
  final_norm_ = make_norm("f.bn1", channels);
  energy_output_ = make_layer("energy_output", {1, channels});
  if (config.num_classes > 0) class_output_ = make_layer("class_output", {config.num_classes, channels});
  if (seed) initialise(*seed);
}

WideResNet::~WideResNet() = default;

WideResNet::Layer WideResNet::make_layer(const std::string& prefix, const Shape& weight_shape) {
  const bool convolution = weight_shape.rank() == 4;
  const engine::Layout layout = convolution ? context_.weight_layout() : engine::Layout::plain;
  Layer layer{{prefix + ".weight", context_.empty(weight_shape, dtype_, layout)},
              {prefix + ".bias", context_.empty({weight_shape[0]}, dtype_)}};
  // Convolutions of features leave weight gradients in the features' type; the update reads them as they are.
  if (convolution && prefix != kStem) layer.weight.gradient_type = context_.feature_type(dtype_);
  return layer;
}

std::optional<BatchNorm> WideResNet::make_norm(const std::string& prefix, std::int64_t channels) {
  if (config_.norm == "none") return std::nullopt;
  return BatchNorm(context_, prefix, channels, dtype_,
                   {config_.norm_momentum, config_.norm_eps, config_.leak});
}

void WideResNet::initialise(std::uint64_t seed) {
  const engine::PhiloxKey key(seed);
  std::uint32_t number = 0;
  const auto fill_layer = [&](Layer& layer) {
    const double fan_in = static_cast<double>(layer.weight.value.elements() / layer.weight.value.extent(0));
    const double bound = 1 / std::sqrt(fan_in);
    for (Parameter* parameter : {&layer.weight, &layer.bias}) {
      std::vector<double> values(static_cast<std::size_t>(parameter->value.elements()));
      for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = bound * (2 * engine::random_uniform<double>(key, engine::RandomPurpose::initial_weights,
                                                                0, number, 0, static_cast<std::uint32_t>(i)) -
                             1);
      engine::ops::write(values, parameter->value);
      ++number;
    }
  };
  fill_layer(stem_);
  for (auto& block : blocks_) {
    fill_layer(block->conv1);
    fill_layer(block->conv2);
    if (block->shortcut) fill_layer(*block->shortcut);
  }
  fill_layer(energy_output_);
  if (class_output_) fill_layer(*class_output_);
}

Variable WideResNet::activate(Tape& tape, const Variable& x, std::optional<BatchNorm>& norm,
                              const Pass& pass) {
  return norm ? norm->forward(tape, x, pass) : autograd::leaky_relu(tape, x, config_.leak);
}

Variable WideResNet::convolve(Tape& tape, const Variable& x, Layer& layer, int stride, int padding,
                              Variable residual, const Pass& pass) {
  const Variable weight = tape.parameter(layer.weight), bias = tape.parameter(layer.bias);
  // A constant added to a channel passes through identity skips and unpadded 1x1 shortcuts as a constant,
  // and every other reader of the output is a batch-norm, which subtracts it with the batch's mean.
  const bool cancels = config_.norm == "batch" && pass.batch_statistics;
  return autograd::convolution(tape, x, weight, bias, {stride, padding}, std::move(residual),
                               cancels ? autograd::BiasGradient::cancels : autograd::BiasGradient::computed);
}

Variable WideResNet::run_block(Tape& tape, Variable x, Block& block, const Pass& pass) {
  Variable h = activate(tape, x, block.bn1, pass);
  h = convolve(tape, h, block.conv1, 1, 1, {}, pass);
  h = activate(tape, h, block.bn2, pass);
  // The shortcut runs last so that, in backward, its gradient of x comes first and batch-norm adds to it in
  // place.
  if (block.shortcut) {
    Variable shortcut = convolve(tape, x, *block.shortcut, block.stride, 0, {}, pass);
    return convolve(tape, h, block.conv2, block.stride, 1, std::move(shortcut), pass);
  }
  return convolve(tape, h, block.conv2, block.stride, 1, std::move(x), pass);
}

Variable WideResNet::features(Tape& tape, const Variable& images, const Pass& pass) {
  const Shape& shape = images.value.shape();
  engine::require(shape.rank() == 4 && shape[1] == config_.in_channels && shape[2] == config_.image_size &&
                      shape[3] == config_.image_size,
                  "images {} do not fit a network for {}x{}x{}", shape, config_.in_channels,
                  config_.image_size, config_.image_size);
  Variable x = convolve(tape, images, stem_, 1, 1, {}, pass);
  for (auto& block : blocks_) x = run_block(tape, std::move(x), *block, pass);
  return autograd::global_average_pool(tape, activate(tape, x, final_norm_, pass));
}

Variable WideResNet::energy(Tape& tape, const Variable& features, EnergyKind kind,
                            const engine::Tensor& labels) {
  if (kind == EnergyKind::head) {
    const Variable weight = tape.parameter(energy_output_.weight), bias = tape.parameter(energy_output_.bias);
    Variable column = autograd::linear(tape, features, weight, bias);
    return autograd::scale(tape, autograd::flatten(tape, column), -1);
  }
  const Variable class_logits = logits(tape, features);
  const Variable f = kind == EnergyKind::logsumexp ? autograd::logsumexp(tape, class_logits)
                                                   : autograd::gather_class(tape, class_logits, labels);
  return autograd::scale(tape, f, -1);
}

Variable WideResNet::logits(Tape& tape, const Variable& features) {
  if (!class_output_) engine::fail_input("the model has no class head (num_classes = 0): it has no logits");
  const Variable weight = tape.parameter(class_output_->weight), bias = tape.parameter(class_output_->bias);
  return autograd::linear(tape, features, weight, bias);
}

std::vector<Parameter*> WideResNet::parameters() {
  std::vector<Parameter*> out;
  const auto add_layer = [&](Layer& layer) {
    out.push_back(&layer.weight);
    out.push_back(&layer.bias);
  };
  const auto add_norm = [&](std::optional<BatchNorm>& norm) {
    if (!norm) return;
    out.push_back(&norm->gamma);
    out.push_back(&norm->beta);
  };
  add_layer(stem_);
  for (auto& block : blocks_) {
    add_norm(block->bn1);
    add_layer(block->conv1);
    add_norm(block->bn2);
    add_layer(block->conv2);
    if (block->shortcut) add_layer(*block->shortcut);
  }
  add_norm(final_norm_);
  add_layer(energy_output_);
  if (class_output_) add_layer(*class_output_);
  return out;
}

template <typename Visit>
void WideResNet::for_each_norm(const Visit& visit) {
  if (config_.norm == "none") return;
  for (auto& block : blocks_) {
    visit(*block->bn1);
    visit(*block->bn2);
  }
  visit(*final_norm_);
}

void WideResNet::reserve_statistics(int slots) {
  for_each_norm([&](BatchNorm& norm) { norm.reserve_statistics(slots); });
}

void WideResNet::fold_statistics(int slots) {
  folded_.clear();
  for_each_norm([&](BatchNorm& norm) { folded_.push_back(norm.folded(slots)); });
  engine::ops::fold_statistics(context_, folded_, slots, config_.norm_momentum);
}

void WideResNet::count_batches(int slots) {
  for_each_norm([&](BatchNorm& norm) { norm.batches_tracked += slots; });
}

std::vector<NamedBuffer> WideResNet::buffers() {
  std::vector<NamedBuffer> out;
  for_each_norm([&](BatchNorm& norm) {
    out.push_back({norm.prefix() + ".running_mean", &norm.running_mean});
    out.push_back({norm.prefix() + ".running_var", &norm.running_variance});
    out.push_back({norm.prefix() + ".num_batches_tracked", nullptr, &norm.batches_tracked});
  });
  return out;
}

}  // namespace mebm::models

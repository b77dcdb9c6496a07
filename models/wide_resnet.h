#pragma once
// Pre-activation Wide-ResNet of depth 6n + 4 with an energy head and a class head (SPEC section 2).
//
//   conv1 3x3 -> 16 channels; stages of n blocks with 16k, 32k, 64k (128k) channels, the first block of every
//   stage but the first with stride 2; final batch-norm + LeakyReLU + global average pool -> features.
//   Block: h = conv1(lrelu(bn1(x))) with stride 1, out = conv2(lrelu(bn2(h))) with the block's stride +
//   shortcut(x).
// Parameter and buffer names are the reference's state-dict keys.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/energy_model.h"
#include "models/layers/batch_norm.h"

namespace mebm::models {

struct WideResNetConfig {
  int depth = 28, width = 10;
  int stages = 3;  // 3, or 4 for images of 64 pixels and more
  std::string norm = "batch";
  int num_classes = 10;  // 0: no class head
  int in_channels = 3, image_size = 32;
  double leak = 0.2;
  double norm_momentum = 0.9, norm_eps = 1e-5;

  bool operator==(const WideResNetConfig&) const = default;
  // The number of stages the reference uses for an image size.
  static int stages_for(int image_size) { return image_size >= 64 ? 4 : 3; }
  int feature_count() const { return 16 * width << (stages - 1); }
  // Trainable values of such a network, without making it.
  std::int64_t parameter_count() const;
  // Throws InputError for a depth other than 6n + 4, or a width, size, channel or class count out of range.
  void validate() const;
};

struct NamedBuffer {
  std::string name;
  engine::Tensor* tensor;           // null for a counter
  std::int64_t* counter = nullptr;  // num_batches_tracked
};

class WideResNet final : public EnergyModel {
 public:
  // Weights and biases start at U(+-1/sqrt(fan_in)), drawn from `seed` (PyTorch's default initialisation);
  // without a seed they have no values until a checkpoint is loaded.
  WideResNet(engine::Context& context, const WideResNetConfig& config, engine::DType dtype,
             std::optional<std::uint64_t> seed);
  ~WideResNet() override;

  const WideResNetConfig& config() const { return config_; }
  engine::DType dtype() const { return dtype_; }

  autograd::Variable features(autograd::Tape& tape, const autograd::Variable& images,
                              const Pass& pass) override;
  autograd::Variable energy(autograd::Tape& tape, const autograd::Variable& features, EnergyKind kind,
                            const engine::Tensor& labels) override;
  autograd::Variable logits(autograd::Tape& tape, const autograd::Variable& features) override;
  std::vector<autograd::Parameter*> parameters() override;
  void reserve_statistics(int slots) override;
  void fold_statistics(int slots) override;
  // Counts `slots` batches as tracked where fold_statistics() was captured and runs without being called.
  void count_batches(int slots);
  // Running statistics, in the order of the layers; empty for norm = none.
  std::vector<NamedBuffer> buffers();

 private:
  struct Layer {  // convolution or linear
    autograd::Parameter weight, bias;
  };
  struct Block;

  Layer make_layer(const std::string& prefix, const engine::Shape& weight_shape);
  std::optional<BatchNorm> make_norm(const std::string& prefix, std::int64_t channels);
  void initialise(std::uint64_t seed);
  autograd::Variable activate(autograd::Tape& tape, const autograd::Variable& x,
                              std::optional<BatchNorm>& norm, const Pass& pass);
  autograd::Variable convolve(autograd::Tape& tape, const autograd::Variable& x, Layer& layer, int stride,
                              int padding, autograd::Variable residual, const Pass& pass);
  autograd::Variable run_block(autograd::Tape& tape, autograd::Variable x, Block& block, const Pass& pass);
  template <typename Visit>
  void for_each_norm(const Visit& visit);

  engine::Context& context_;
  std::vector<engine::ops::FoldedLayer> folded_;  // of the last fold; its memory is kept
  WideResNetConfig config_;
  engine::DType dtype_;
  Layer stem_;
  std::vector<std::unique_ptr<Block>> blocks_;
  std::optional<BatchNorm> final_norm_;
  Layer energy_output_;
  std::optional<Layer> class_output_;
};

}  // namespace mebm::models

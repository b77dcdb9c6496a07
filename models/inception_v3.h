#pragma once
// The InceptionV3 of 2015 that Fréchet distance and inception score are defined by (1008 classes), forward
// only, fp32, on the CPU. It is not torchvision's: the mean pools of the blocks leave padding out, the last
// block pools by maximum, there is no auxiliary head, and batch-norm has eps 1e-3.
//
// Every convolution is followed by batch-norm with stored statistics, folded into its weights, and ReLU.
// Parameter names are the state dict's of the published PyTorch ports ("Mixed_5b.branch1x1.conv.weight").

#include <functional>
#include <string>
#include <vector>

#include "engine/ops/inference.h"

namespace mebm::models {

struct NamedShape {
  std::string name;
  engine::Shape shape;
};

// The values of a named parameter, as many as the shape has.
using ParameterSource = std::function<std::vector<float>(const NamedShape& parameter)>;

class InceptionV3 {
 public:
  static constexpr int kChannels = 3, kImageSize = 299, kFeatures = 2048, kClasses = 1008;

  struct Outputs {
    engine::Tensor features;  // [N, 2048]: mean over the last map
    engine::Tensor logits;    // [N, 1008]: features times fc.weight transposed, without the bias
  };

  // Every parameter the network reads, in its order.
  static std::vector<NamedShape> parameters();

  // Asks the source for parameters() in turn. Error on a device context, and where a parameter has another
  // size; InputError where a stored variance is negative.
  InceptionV3(engine::Context& context, const ParameterSource& source);

  // images [N,3,299,299] plain fp32, as a protocol normalises them. Memory grows with N.
  Outputs forward(const engine::Tensor& images);

 private:
  engine::Context& context_;
  engine::ops::InferenceProgram program_;
  engine::Tensor class_weights_, no_bias_;
};

}  // namespace mebm::models

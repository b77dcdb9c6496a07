#pragma once
// A labelled set of images in memory, and its decoding to network inputs.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/tensor.h"

namespace mebm::engine {
class Context;
}

namespace mebm::data {

enum class Split { train, test };

// "train" or "test".
std::string_view split_name(Split split);

// Inverse of split_name; InputError for any other word.
Split parse_split(std::string_view name);

// Images of one split. Exactly one of pixels and values is filled; values64 beside values where the file
// holds float64.
struct ImageSet {
  std::string name;                             // as in the configuration: cifar10, fashion-mnist, ...
  std::string split;                            // train | test
  std::string path;                             // what load_dataset read
  int channels = 0, height = 0, width = 0;      // as stored here, padding included
  int original_height = 0, original_width = 0;  // as in the file
  std::vector<std::uint8_t> pixels;             // [N,C,H,W], 0 ... 255
  std::vector<float> values;                    // [N,C,H,W], in [-1,1]
  std::vector<double> values64;                 // [N,C,H,W], the values as stored
  std::vector<std::int32_t> labels;             // [N], 0 ... num_classes-1; empty for an unlabelled set
  int num_classes = 0;                          // 0 for an unlabelled set

  // Numbers per image, C*H*W.
  std::int64_t image_size() const { return std::int64_t{channels} * height * width; }
  // Images in the set.
  std::int64_t count() const;
};

// Writes image `index` as network input to out [C,H,W]: x = v/127.5 - 1 (SPEC: bytes 0 ... 255 to [-1,1]), or
// the stored value of a float set. Error when the index is outside the set.
template <typename T>
void decode(const ImageSet& set, std::int64_t index, T* out);

// Images `indices` of a set as a tensor [n,C,H,W] of `dtype`.
engine::Tensor load_images(engine::Context& context, const ImageSet& images,
                           std::span<const std::int64_t> indices, engine::DType dtype);

// Pads 28x28 images (the MNIST family) to 32x32, two pixels a side, with byte 0 (value -1); other sizes are
// left as they are. Networks then see the sizes they were designed for.
void pad_to_network_size(ImageSet& set);

}  // namespace mebm::data

#pragma once
// What Fréchet distance, inception score, KID and precision/recall look at images through.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace mebm::metrics {

// 8-bit images [count, channels, height, width], which published protocols measure. Does not own the bytes.
struct BytesView {
  std::span<const std::uint8_t> pixels;
  std::int64_t count = 0;
  int channels = 0, height = 0, width = 0;

  std::int64_t image_size() const { return std::int64_t{channels} * height * width; }
  // Images first ... first + n - 1.
  BytesView part(std::int64_t first, std::int64_t n) const {
    return {pixels.subspan(static_cast<std::size_t>(first * image_size()),
                           static_cast<std::size_t>(n * image_size())),
            n, channels, height, width};
  }
};

// A network's outputs for `count` images, row-major.
struct Features {
  std::int64_t count = 0;
  int dimensions = 0, classes = 0;
  std::vector<float> features;  // [count, dimensions]
  std::vector<float> logits;    // [count, classes], without the bias where the protocol leaves it out
};

class FeatureExtractor {
 public:
  virtual ~FeatureExtractor() = default;

  // Network and protocol in one line, as stated beside every figure.
  virtual std::string name() const = 0;
  // SHA-256 of the weights' file, in hexadecimal.
  virtual std::string digest() const = 0;
  // Whether the weights are the published ones that a figure's name stands for (FID: Inception's of 2015).
  virtual bool published() const { return true; }
  virtual int dimensions() const = 0;
  virtual int classes() const = 0;
  // Works through the images in batches of its own; memory is bounded by those and by the result. InputError
  // for channels or a size the network does not take.
  virtual Features extract(const BytesView& images) = 0;
};

}  // namespace mebm::metrics

#pragma once
// From 8-bit images to what the Inception network of 2015 is given: resized to 299 x 299 and normalised, as
// each published implementation does it. Distances computed by different protocols do not compare.
//
//   torch_fidelity  TF1's bilinear without half-pixel offset: scale = in / out in fp32, s = i scale,
//                   lo = floor(s), hi = min(lo + 1, in - 1), a + (b - a)(s - lo) along x, then along y, all
//                   in fp32; (v - 128) / 128. Equal to torch-fidelity bit by bit.
//   pytorch_fid     v / 255, bilinear with half pixels (s = scale (i + 1/2) - 1/2, at least 0), 2 v - 1
//   clean           clean-fid's: Pillow's antialiased bicubic (a = -1/2, widened by the scale where it
//   shrinks,
//                   fp64 sums, columns rounded to fp32 before rows), clipped to 0 ... 255; (v - 128) / 128

#include <string_view>
#include <vector>

#include "metrics/feature_extractor.h"

namespace mebm::metrics {

enum class InceptionProtocol { torch_fidelity, pytorch_fid, clean };

// "torch-fidelity", "pytorch-fid", "clean"
std::string_view name_of(InceptionProtocol protocol);
// Inverse of name_of; InputError naming the three for any other word.
InceptionProtocol parse_inception_protocol(std::string_view text);
// Resize and normalisation in a few words.
std::string_view description_of(InceptionProtocol protocol);

// Where the outputs of one axis come from: output i is made of inputs first[i] ... first[i] + count[i] - 1.
struct ResizeAxis {
  std::vector<int> first, count;
  std::vector<double> weights;  // [outputs, stride]
  int stride = 0;
  int inputs = 0;
};

class InceptionInput {
 public:
  // For images of height x width pixels, to size x size. InputError for sides outside 1 ... 8192.
  InceptionInput(InceptionProtocol protocol, int height, int width, int size);

  // images [n, 1 or 3, height, width] -> out [n, 3, size, size]; a single channel is repeated. InputError for
  // other channels, Error for another size.
  void prepare(const BytesView& images, int threads, float* out) const;

 private:
  void prepare_plane(const std::uint8_t* pixels, float* out) const;

  InceptionProtocol protocol_;
  int size_;
  ResizeAxis rows_, columns_;
};

}  // namespace mebm::metrics

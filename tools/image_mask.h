#pragma once
// Which pixels of a given image a chain may change.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/image_set.h"
#include "ebm/initial_distribution.h"
#include "engine/core/random.h"

namespace mebm::tools {

// What is free (1) and what is kept (0), from one word or a file:
//   center:HxW            the H x W pixels in the middle are free
//   left|right|top|bottom that half is free
//   random:SHARE          every pixel of every chain is free with that probability; a function of seed and
//   chain FILE                  PNG or images file: brighter than half is free. One mask for all images or
//   one each; one
//                         channel or as many as the images. 28x28 masks are padded as the images are, with
//                         kept pixels
class ImageMask {
 public:
  // InputError naming --mask for a word or number that does not fit, a file that cannot be read, another
  // size, and a mask that frees nothing.
  ImageMask(const std::string& text, const ebm::ImageShape& shape, engine::PhiloxKey key);

  // InputError unless there is a mask for each of `count` images.
  void require_for(std::int64_t count) const;
  // 1 and 0 for the pixels of chains first ... first + rows - 1, [rows,C,H,W].
  std::vector<double> values(std::int64_t first, std::int64_t rows) const;

 private:
  void read_file(const std::string& path);
  void free_centre(std::string_view size);
  void free_at_random(std::string_view share);
  void free_rectangle(int top, int left, int height, int width);

  std::string text_;
  ebm::ImageShape shape_;
  engine::PhiloxKey key_;
  double random_share_ = -1;  // of random:SHARE
  std::int64_t masks_ = 1;
  std::vector<double> free_;  // [masks,C,H,W]; empty for random:SHARE
};

}  // namespace mebm::tools

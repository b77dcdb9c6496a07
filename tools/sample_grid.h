#pragma once
// The picture of a run: p0 | chains | data side by side.

#include <filesystem>
#include <span>
#include <vector>

#include "ebm/trainer.h"
#include "report/grid.h"

namespace mebm::tools {

// The last batch of chains beside fresh draws of p0 and training images, 64 of each at most.
class SampleGrid {
 public:
  // p0 is drawn and the data decoded once, here. One or three channels.
  SampleGrid(engine::Context& context, const ebm::Trainer& trainer, const data::ImageSet& images,
             std::span<const std::int64_t> indices);

  // chains [N,C,H,W], plain.
  void write(const std::filesystem::path& path, const engine::Tensor& chains) const;

 private:
  report::ImagesView view(const std::vector<float>& values) const;

  int channels_, height_, width_;
  std::vector<float> p0_, data_;
};

}  // namespace mebm::tools

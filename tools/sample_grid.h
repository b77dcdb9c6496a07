#pragma once
// The picture of a run: p0 | chains | data side by side.

#include <filesystem>
#include <span>
#include <vector>

#include "ebm/trainer.h"
#include "report/grid.h"

namespace mebm::tools {

// The last batch of chains, filled up from the buffer, beside fresh draws of p0 and training images: as many
// of each, 64 at most.
class SampleGrid {
 public:
  // p0 is drawn and the data decoded once, here. One or three channels.
  SampleGrid(engine::Context& context, const ebm::Trainer& trainer, const data::ImageSet& images,
             std::span<const std::int64_t> indices);

  // chains [N,C,H,W], plain, which have the rows `taken` of `buffer` [M,C,H,W].
  void write(const std::filesystem::path& path, const engine::Tensor& chains, const engine::Tensor& buffer,
             std::span<const std::int64_t> taken) const;

 private:
  // The first `count` images of `values`.
  report::ImagesView view(const std::vector<float>& values, int count) const;

  int channels_, height_, width_;
  std::vector<float> p0_, data_;
};

}  // namespace mebm::tools

#pragma once
// Where the chains of `sample` start, and what of a given image they keep.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ebm/langevin_sampler.h"
#include "tools/image_mask.h"
#include "tools/model_inputs.h"

namespace mebm::tools {

struct StartOptions {
  std::string init = "p0";                          // p0 | buffer | uniform
  std::optional<std::string> init_images;           // an images file instead
  std::optional<std::string> initial_distribution;  // a file of fit-init instead of the checkpoint's
  std::optional<std::string> mask;                  // of --init-images: what chains may change (image_mask.h)
  std::optional<double> noise_images;               // standard deviation of noise added to --init-images
};

// Chain c is a function of (seed, c) alone:
//   p0, uniform  its own draw (purpose sample_fill, slot c)
//   buffer       a row of the stored replay buffer: entry c mod size of keyed permutation c / size
//   images       image c of the file, plus noise where asked for (purpose data_noise, slot c)
// With a mask the kept pixels are those of image c; the free ones start from the noisy image, or from `init`
// where no noise is asked for.
class ChainStarts {
 public:
  // InputError where the checkpoint or the file does not hold such starts.
  ChainStarts(const StartOptions& options, const StoredModel& model, Runtime& runtime);

  // Chains there are; nullopt where as many can be drawn as are asked for.
  std::optional<std::int64_t> available() const;
  // InputError unless there is a mask for each of `count` images.
  void require_masks_for(std::int64_t count) const;
  // The starts of chains first ... first + count - 1, [count,C,H,W].
  engine::Tensor draw(std::int64_t first, std::int64_t count);
  // What they keep; undefined without a mask.
  ebm::KeptPixels kept(std::int64_t first, std::int64_t count);
  // Their images as given, and as they are shown to the chains: with noise, free pixels grey where the image
  // is not their start. Only with init_images.
  engine::Tensor given(std::int64_t first, std::int64_t count);
  engine::Tensor degraded(std::int64_t first, std::int64_t count);

 private:
  void load_buffer(const StoredModel& model);
  engine::Tensor draw_buffer(std::int64_t first, std::int64_t count);
  engine::Tensor draw_init(std::int64_t first, std::int64_t count);
  engine::Tensor noisy(std::int64_t first, std::int64_t count);

  Runtime& runtime_;
  ebm::ImageShape shape_;
  std::optional<InputImages> images_;
  std::optional<ImageMask> mask_;
  double noise_ = 0;                                   // added to the images
  std::unique_ptr<ebm::InitialDistribution> initial_;  // at most one of these two
  std::optional<ebm::ReplayBuffer> buffer_;
};

}  // namespace mebm::tools

#pragma once
// The pictures that `sample` makes.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tools/chain_recorder.h"
#include "tools/sample_options.h"

namespace mebm::tools {

inline constexpr std::int64_t kMaxGridImages = 10000;

// Images of chains 0, 1, ... in [-1,1], [count,C,H,W], and how a grid arranges them.
struct ChainImages {
  std::vector<float> values;
  std::int64_t count = 0;
  ebm::ImageShape shape;
  int classes = 0;  // chain c is of class c mod classes, and a grid has a row for each; 0: reading order

  // A grid's view, in its order; valid while this lives unchanged.
  report::ImagesView view() const;
  report::GridStyle style() const;
};

// Puts the images into a grid's order: by class where there are classes.
ChainImages arranged(std::vector<float> values, std::int64_t count, const ebm::ImageShape& shape,
                     int classes);

// Grids along the way, animation and filmstrip.
class SamplePictures {
 public:
  // InputError where a picture would be too large or cannot be written.
  SamplePictures(const SampleOptions& o, int steps, std::int64_t count, const ebm::ImageShape& shape,
                 const ChainClasses& classes);

  void record(int step, const ebm::ChainPart& part);
  // Writes what was asked for; the names of the files.
  std::vector<std::string> write() const;

 private:
  void check() const;
  ChainImages frame(const std::vector<float>& values, std::int64_t count) const;
  void write_animation() const;
  void write_filmstrip() const;

  const SampleOptions& options_;
  ebm::ImageShape shape_;
  int classes_;
  std::optional<ChainFilm> grids_, animation_, strip_;
};

// The grid of --out; with --mask or --noise-images beside the given images and what the chains saw of them.
void write_final_grid(const SampleOptions& o, const ChainImages& result, const ChainImages* given,
                      const ChainImages* degraded);

}  // namespace mebm::tools

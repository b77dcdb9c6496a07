#include "tools/sample_outputs.h"

#include <algorithm>

#include "engine/core/error.h"
#include "report/animation.h"

namespace mebm::tools {

using engine::fail_input;

namespace {

constexpr std::int64_t kAnimatedChains = 64, kStripChains = 16;
constexpr int kAnimationFrames = 60, kStripColumns = 12;
constexpr std::size_t kMaxGrids = 10000;  // files of --grid-every
constexpr int kLastFrameHold = 1000;      // milliseconds more than the others
constexpr double kPicturePixels = 4;      // pixels of a grid for each of an image, at scale 2

// How many of `count` chains a picture shows: `most`, in whole rounds of the classes where that is possible.
std::int64_t shown(std::int64_t count, std::int64_t most, int classes) {
  if (classes > 0 && most >= classes) most = most / classes * classes;
  return std::min(count, most);
}

}  // namespace

report::ImagesView ChainImages::view() const {
  return {values.data(), static_cast<int>(count), shape.channels, shape.height, shape.width};
}

report::GridStyle ChainImages::style() const {
  report::GridStyle style;
  if (classes > 0) style.columns = static_cast<int>((count + classes - 1) / classes);
  return style;
}

ChainImages arranged(std::vector<float> values, std::int64_t count, const ebm::ImageShape& shape,
                     int classes) {
  if (classes == 0) return {std::move(values), count, shape, 0};
  const auto size = static_cast<std::ptrdiff_t>(shape.elements());
  std::vector<float> sorted;
  sorted.reserve(values.size());
  for (std::int64_t label = 0; label < classes; ++label)
    for (std::int64_t chain = label; chain < count; chain += classes)
      sorted.insert(sorted.end(), values.begin() + chain * size, values.begin() + (chain + 1) * size);
  return {std::move(sorted), count, shape, classes};
}

SamplePictures::SamplePictures(const SampleOptions& o, int steps, std::int64_t count,
                               const ebm::ImageShape& shape, const ChainClasses& classes)
    : options_(o), shape_(shape), classes_(classes.all) {
  const double image = static_cast<double>(shape.elements());
  double numbers = 0, bytes = 0;
  if (o.grid_every) {
    const double grids = static_cast<double>(steps) / *o.grid_every + 2;
    if (grids > kMaxGrids)
      fail_input("--grid-every {}: makes {:.0f} grids of {} steps; at most {}", *o.grid_every, grids, steps,
                 kMaxGrids);
    numbers += grids * static_cast<double>(count) * image;
  }
  const int frames = std::min(o.frames.value_or(kAnimationFrames), steps + 1);
  if (o.animation) {
    const double values = frames * static_cast<double>(shown(count, kAnimatedChains, classes_)) * image;
    numbers += values;
    bytes += kPicturePixels * values * 3;
  }
  if (o.filmstrip) numbers += o.frames.value_or(kStripColumns) * static_cast<double>(kStripChains) * image;
  require_memory("the pictures on the way", 4 * numbers + bytes, "ask for fewer frames, grids or chains");
  if (o.grid_every) grids_.emplace(every_nth_step(steps, *o.grid_every), count, shape);
  if (o.animation)
    animation_.emplace(spread_steps(steps, frames), shown(count, kAnimatedChains, classes_), shape);
  if (o.filmstrip)
    strip_.emplace(spread_steps(steps, o.frames.value_or(kStripColumns)),
                   shown(count, kStripChains, classes_), shape);
  check();
}

void SamplePictures::check() const {
  const SampleOptions& o = options_;
  const std::initializer_list<std::string> inputs{o.checkpoint, o.starts.init_images.value_or(""),
                                                  o.starts.initial_distribution.value_or(""),
                                                  o.starts.mask.value_or("")};
  if (grids_)
    for (const auto& [step, values] : grids_->frames())
      check_output("--grid-every: grid", o.grid_path(step), 0, inputs);
  if (o.animation) check_output("--animation", *o.animation, 0, inputs);
  if (o.filmstrip) check_output("--filmstrip", *o.filmstrip, 0, inputs);
}

void SamplePictures::record(int step, const ebm::ChainPart& part) {
  for (std::optional<ChainFilm>* film : {&grids_, &animation_, &strip_})
    if (*film) (*film)->record(step, part);
}

ChainImages SamplePictures::frame(const std::vector<float>& values, std::int64_t count) const {
  return arranged(values, count, shape_, classes_);
}

std::vector<std::string> SamplePictures::write() const {
  std::vector<std::string> files;
  if (grids_)
    for (const auto& [step, values] : grids_->frames()) {
      const ChainImages images = frame(values, grids_->count());
      files.push_back(options_.grid_path(step));
      report::write_png(files.back(), report::make_grid(images.view(), images.style()));
    }
  if (animation_) {
    write_animation();
    files.push_back(*options_.animation);
  }
  if (strip_) {
    write_filmstrip();
    files.push_back(*options_.filmstrip);
  }
  return files;
}

void SamplePictures::write_animation() const {
  std::vector<report::Image> frames;
  for (const auto& [step, values] : animation_->frames()) {
    const ChainImages images = frame(values, animation_->count());
    const report::Panel panel{images.view(), fmt::format("step {}", step)};
    frames.push_back(report::make_panels(std::span(&panel, 1), images.style()));
  }
  const report::AnimationTiming timing{options_.frame_delay, options_.frame_delay + kLastFrameHold};
  report::write_animation(*options_.animation, frames, timing);
}

void SamplePictures::write_filmstrip() const {
  const auto size = static_cast<std::ptrdiff_t>(shape_.elements());
  std::vector<ChainImages> columns;
  for (const auto& [step, values] : strip_->frames()) columns.push_back(frame(values, strip_->count()));
  std::vector<float> cells;
  for (std::int64_t row = 0; row < strip_->count(); ++row)
    for (const ChainImages& column : columns)
      cells.insert(cells.end(), column.values.begin() + row * size, column.values.begin() + (row + 1) * size);
  const report::ImagesView view{cells.data(),
                                static_cast<int>(strip_->count()) * static_cast<int>(columns.size()),
                                shape_.channels, shape_.height, shape_.width};
  report::GridStyle style;
  style.columns = static_cast<int>(columns.size());
  report::write_png(*options_.filmstrip, report::make_grid(view, style));
}

void write_final_grid(const SampleOptions& o, const ChainImages& result, const ChainImages* given,
                      const ChainImages* degraded) {
  if (given == nullptr || degraded == nullptr) {
    report::write_png(o.out, report::make_grid(result.view(), result.style()));
    return;
  }
  const report::Panel panels[] = {{given->view(), "given"},
                                  {degraded->view(), o.starts.mask ? "masked" : "noisy"},
                                  {result.view(), "result"}};
  report::write_png(o.out, report::make_panels(panels, result.style()));
}

}  // namespace mebm::tools

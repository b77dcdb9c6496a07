#include "tools/sample_options.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "engine/core/error.h"

namespace mebm::tools {

using engine::fail_input;

namespace {

constexpr std::int64_t kMaxChains =
    0xffffffffll - ebm::kChainBatch;      // a chain's number is a 32-bit counter word
constexpr int kMaxSteps = (1 << 24) - 1;  // so is a step's, of 24 bits
constexpr int kMaxFrames = 10000, kMaxDelay = 60000;

void check_numbers(const SampleOptions& o) {
  constexpr double kLarge = 1e6;
  if (o.count) require_range("--count", static_cast<double>(*o.count), 1, static_cast<double>(kMaxChains));
  if (o.steps) require_range("--steps", *o.steps, 0, kMaxSteps);
  if (o.step_size) require_range("--step-size", *o.step_size, 0, kLarge);
  if (o.noise) require_range("--noise", *o.noise, 0, kLarge);
  if (o.gradient_clamp) require_range("--gradient-clamp", *o.gradient_clamp, 0, kLarge);
  if (o.pixel_clamp) require_range("--pixel-clamp", *o.pixel_clamp, 0, kLarge);
  if (o.starts.noise_images) require_range("--noise-images", *o.starts.noise_images, 0, kLarge);
  if (o.grid_every) require_range("--grid-every", *o.grid_every, 1, kMaxSteps);
  if (o.energy_every) require_range("--energy-every", *o.energy_every, 1, kMaxSteps);
  if (o.frames) require_range("--frames", *o.frames, 2, kMaxFrames);
  require_range("--frame-delay", o.frame_delay, 10, kMaxDelay);
}

void check_starts(SampleOptions& o) {
  const bool images = o.starts.init_images.has_value();
  if (!images && o.starts.mask)
    fail_input("--mask {}: says what of --init-images chains may change; give --init-images", *o.starts.mask);
  if (!images && o.starts.noise_images)
    fail_input("--noise-images {}: is added to --init-images; give --init-images", *o.starts.noise_images);
  const bool filled = o.starts.mask && !o.starts.noise_images;  // free pixels start from --init
  if (images && !filled && (o.init || o.starts.initial_distribution))
    fail_input("--init-images: chains start from these images; leave --init and --initial-distribution away");
  if (o.starts.initial_distribution && o.init && *o.init != "p0")
    fail_input("--initial-distribution: is for --init p0, not --init {}", *o.init);
  if (!images && !o.count) fail_input("--count is required unless --init-images is given");
  o.starts.init = o.init.value_or("p0");
}

void check_pictures(const SampleOptions& o) {
  if (o.frames && !o.animation && !o.filmstrip)
    fail_input("--frames {}: is for --animation and --filmstrip", *o.frames);
  const auto ends_in = [](const std::string& option, const std::optional<std::string>& file,
                          const std::vector<std::string>& known, const std::string& expected) {
    if (!file) return;
    const std::string extension = std::filesystem::path(*file).extension();
    if (std::find(known.begin(), known.end(), extension) == known.end())
      fail_input("{} {}: does not end in {}", option, *file, expected);
  };
  ends_in("--animation", o.animation, {".png", ".apng", ".gif"}, ".png (animated PNG) or .gif");
  ends_in("--filmstrip", o.filmstrip, {".png"}, ".png");
  if (o.animation == o.out || o.filmstrip == o.out || (o.animation && o.animation == o.filmstrip))
    fail_input("--out, --animation and --filmstrip: {} is named twice",
               o.animation == o.out || o.filmstrip == o.out ? o.out : *o.animation);
}

}  // namespace

std::string SampleOptions::grid_path(int step) const {
  const std::filesystem::path path(out);
  return (path.parent_path() / fmt::format("{}-step-{:06}.png", path.stem().string(), step)).string();
}

void check_sample_options(SampleOptions& o) {
  check_numbers(o);
  check_starts(o);
  check_pictures(o);
}

ChainClasses chain_classes(const SampleOptions& o, models::EnergyKind energy, int classes) {
  const bool conditional = energy == models::EnergyKind::class_logit;
  if (conditional && !o.label)
    fail_input("--energy class needs --class, one of 0 ... {} or all", classes - 1);
  if (!conditional && o.label)
    fail_input("--class is for --energy class, not --energy {}", models::name_of(energy));
  if (!o.label) return {};
  if (*o.label == "all") return {std::nullopt, classes};
  int label = -1;
  const char* end = o.label->data() + o.label->size();
  const auto [rest, error] = std::from_chars(o.label->data(), end, label);
  if (error != std::errc() || rest != end || label < 0 || label >= classes)
    fail_input("--class {} is outside 0 ... {} and not 'all'", *o.label, classes - 1);
  return {label, 0};
}

namespace {

void declare_chains(Options& options, SampleOptions& o) {
  const std::string stored = "the checkpoint's configuration, else ";
  options.optional("--steps", "K", o.steps, "Langevin steps of every chain; 0 writes the starts",
                   stored + "5");
  options.optional("--step-size", "A", o.step_size,
                   "factor of the gradient, in pixel units (images in [-1, 1])", stored + "1");
  options.optional("--noise", "SIGMA", o.noise, "standard deviation of the noise of a step, in pixel units",
                   stored + "0.001; 0 for 2 steps and fewer");
  options.optional("--gradient-clamp", "C", o.gradient_clamp,
                   "bound of every component of the gradient; 0: off", stored + "1");
  options.optional(
      "--pixel-clamp", "P", o.pixel_clamp,
      "bound of every pixel after a step; 0: off: images may leave [-1, 1], which only score and "
      "--init-images take",
      stored + "1");
  options.choice("--batch-norm", o.batch_norm, {"batch", "running"},
                 "statistics: of the 64 chains of a batch, or the stored ones", stored + "batch");
  options.choice("--energy", o.energy, {"head", "logsumexp", "class"}, "energy that the chains descend",
                 "the one the model was trained with");
  options.optional(
      "--class", "Y|all", o.label,
      "class of the chains, from 0; all: every class in turn, one row of a grid each; with --energy "
      "class",
      "none");
}

void declare_starts(Options& options, SampleOptions& o) {
  options.choice(
      "--init", o.init, {"p0", "buffer", "uniform"},
      "where chains start (with --mask their free pixels): the Gaussian fitted to the data, the stored "
      "replay buffer, U(-1, 1)",
      "p0");
  options.optional("--init-images", "FILE", o.starts.init_images,
                   "images file whose images the chains start from; the last batch may be short", "none");
  options.optional(
      "--mask", "FILE|WORD", o.starts.mask,
      "pixels of --init-images that chains may change, the others are put back after every step: a "
      "PNG or images file (white is free), center:HxW, left, right, top, bottom, or random:SHARE",
      "every pixel");
  options.optional(
      "--noise-images", "S", o.starts.noise_images,
      "standard deviation of Gaussian noise added to --init-images before the chains start (with "
      "--mask, to the free pixels), in pixel units",
      "none");
  options.optional("--initial-distribution", "FILE", o.starts.initial_distribution,
                   "file of fit-init to start from", "the checkpoint's");
}

void declare_pictures(Options& options, SampleOptions& o) {
  options.optional("--grid-every", "N", o.grid_every,
                   "grids of the chains at their start, after every N steps and at the end, beside --out: "
                   "NAME-step-000100.png",
                   "none");
  options.optional("--energy-every", "N", o.energy_every,
                   "steps between the energies told on stderr and in --json",
                   "as --grid-every; with --json alone, ten times on the way");
  options.optional("--animation", "FILE", o.animation,
                   "the first 64 chains on their way, as animated PNG (.png, exact colours) or GIF (.gif)",
                   "none");
  options.optional("--filmstrip", "FILE", o.filmstrip,
                   "the first 16 chains on their way: a row each, a column for each step shown (.png)",
                   "none");
  options.optional(
      "--frames", "F", o.frames,
      "pictures of an animation and columns of a filmstrip, evenly spaced from the start to the end",
      "60 and 12, or every step");
  options.with_default(
      "--frame-delay", "MS", o.frame_delay,
      "milliseconds that a picture of an animation stays; the last one stays a second longer");
}

}  // namespace

void declare_sample_options(Options& options, SampleOptions& o) {
  options.required("--checkpoint", "FILE", o.checkpoint, "checkpoint of the model");
  options.optional("--count", "N", o.count, "chains to run, in batches of 64",
                   "all of --init-images; else required");
  options.required(
      "--out", "FILE", o.out,
      "images file to write (.h5), or a grid of the images (.png), beside the given and the masked or "
      "noisy ones where there are any; replaced if it exists");
  declare_chains(options, o);
  declare_starts(options, o);
  declare_pictures(options, o);
  options.flag("--json", o.json, "print one JSON object: what was run, energies, files");
  add_runtime_options(options, o.runtime);
}

}  // namespace mebm::tools

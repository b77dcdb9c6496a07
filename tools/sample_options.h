#pragma once
// The command line of `sample`.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "ebm/chain_batches.h"
#include "tools/chain_starts.h"
#include "tools/common_options.h"

namespace mebm::tools {

struct SampleOptions {
  std::string checkpoint, out;
  std::optional<std::int64_t> count;
  std::optional<int> steps, grid_every, energy_every, frames;
  std::optional<double> step_size, noise, gradient_clamp, pixel_clamp;
  std::optional<std::string> batch_norm, energy, init;
  std::optional<std::string> label;  // a class, or "all"
  std::optional<std::string> animation, filmstrip;
  int frame_delay = 100;  // milliseconds
  bool json = false;
  StartOptions starts;
  RuntimeOptions runtime;

  bool grid() const { return std::filesystem::path(out).extension() == ".png"; }
  bool pictures() const { return grid() || grid_every || animation || filmstrip; }
  bool restores() const { return starts.mask || starts.noise_images; }
  // NAME-step-000100.png beside `out`.
  std::string grid_path(int step) const;
};

// Which class each chain descends.
struct ChainClasses {
  std::optional<int> one;  // of all chains
  int all = 0;             // chain c has class c mod all; 0: not asked for

  bool any() const { return one || all > 0; }
  std::int32_t of(std::int64_t chain) const { return one ? *one : static_cast<std::int32_t>(chain % all); }
};

void declare_sample_options(Options& options, SampleOptions& o);

// InputError for what is wrong whatever the model: numbers, names of files, options that exclude each other.
// Fills o.starts.init.
void check_sample_options(SampleOptions& o);

// InputError where energy and class do not fit each other or the model.
ChainClasses chain_classes(const SampleOptions& o, models::EnergyKind energy, int classes);

}  // namespace mebm::tools

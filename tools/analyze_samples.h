#pragma once
// What `analyze` looks at: data images (x+), starts of chains (x0) and the chains' ends (x-) under one model.

#include <array>
#include <string>
#include <vector>

#include "ebm/langevin_sampler.h"
#include "tools/chain_starts.h"
#include "tools/model_inputs.h"

namespace mebm::tools {

inline constexpr int kKinds = 3;
inline constexpr std::array<const char*, kKinds> kKindNames{"x+", "x0", "x-"};
inline constexpr std::array<const char*, kKinds> kKindKeys{"data", "starts", "chains"};  // in files
enum Kind { data_images, chain_starts, chain_ends };

// Images of one kind, a row each.
struct AnalyzedImages {
  std::vector<std::int64_t> numbers;  // index in the data set, or number of the chain
  std::vector<float> images;          // [N,C,H,W]
  std::vector<float> features;        // [N,D]
  std::vector<float> logits;          // [N,classes]; empty without a class head
  std::vector<double> energies;       // [N]
  // The data's label where there is one, else the class of the largest logit; empty without a class head.
  std::vector<int> classes;
  std::vector<double> confidences;  // p(class | x)

  std::int64_t count() const { return static_cast<std::int64_t>(energies.size()); }
};

struct AnalyzedModel {
  std::string name;  // of the checkpoint, unique among those analysed
  std::string checkpoint;
  std::int64_t iteration = 0;
  ebm::ImageShape shape;
  int dimensions = 0, num_classes = 0;
  bool labelled = false;  // classes of x+ are the data's labels
  ebm::LangevinOptions sampler;
  std::array<AnalyzedImages, kKinds> kinds;
};

struct AnalyzeOptions {
  std::vector<std::string> checkpoints;
  std::string out, split = "test";
  std::optional<std::string> figures, energy, batch_norm;
  std::optional<int> steps;
  ImageSource data;
  StartOptions starts;
  std::int64_t count = 1000;
  double perplexity = 30;
  RuntimeOptions runtime;
};

// A checkpoint opened for `analyze`: InputError for everything wrong with it.
struct OpenedModel {
  OpenedModel(const AnalyzeOptions& options, const std::string& checkpoint, Runtime& runtime);

  StoredModel model;
  ebm::LangevinOptions sampler;
  ChainStarts starts;
};

// "<run>-<iteration>" for a run's checkpoint, else the file's name without its ending; a name that was taken
// gets a number.
std::vector<std::string> model_names(const std::vector<std::string>& checkpoints);

// Scores count images of each kind in batches of 64, each kind in batches of its own. x+ are the images a
// training run with this seed sees first; chain c is the one that `sample` gives for this seed. The last
// batch is filled up with images that are not kept, where there are any. Error where a chain or an energy is
// not finite.
AnalyzedModel collect(const AnalyzeOptions& options, OpenedModel& opened, const InputImages& images,
                      const std::string& name, Runtime& runtime);

}  // namespace mebm::tools

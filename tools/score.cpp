// mebm_engine score: energies, logits, features and input gradients of images under a stored model.

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "engine/core/error.h"
#include "engine/io/images_file.h"
#include "engine/ops/dense.h"
#include "engine/ops/elementwise.h"
#include "tools/commands.h"
#include "tools/count_progress.h"
#include "tools/model_inputs.h"

namespace mebm::tools {

using engine::Tensor;

namespace {

struct ScoreOptions {
  std::string checkpoint, out, batch_norm = "running", split = "train";
  ImageSource images;
  std::optional<std::string> energy;
  std::int64_t batch_size = 64;
  bool input_gradient = false;
  RuntimeOptions runtime;
};

template <typename T>
struct ScoreArrays {
  std::vector<T> energy, logits, features, input_gradient;
};

template <typename T>
void append(const Tensor& tensor, std::vector<T>& values) {
  const std::vector<T> added = engine::ops::values<T>(tensor);
  values.insert(values.end(), added.begin(), added.end());
}

// What a batch is scored with besides its images.
struct Scorer {
  Runtime& runtime;
  StoredModel& model;
  models::EnergyKind energy;
  bool batch_statistics, input_gradient;

  template <typename T>
  void add(const Tensor& images, const Tensor& labels, ScoreArrays<T>& scores) {
    autograd::Tape& tape = runtime.tape;
    models::WideResNet& network = *model.network;
    tape.clear();
    tape.set_parameters_frozen(true);
    tape.set_recording(input_gradient);
    const autograd::Variable x = input_gradient ? tape.leaf(images) : autograd::Variable{images};
    const auto pass = models::Pass::single(images.extent(0), batch_statistics);
    const autograd::Variable features = network.features(tape, x, pass);
    append(features.value, scores.features);
    if (model.network_config().num_classes > 0) {
      const autograd::NoRecording off(tape);
      append(network.logits(tape, features).value, scores.logits);
    }
    const autograd::Variable energies = network.energy(tape, features, energy, labels);
    append(energies.value, scores.energy);
    if (!input_gradient) return;
    Tensor seed = runtime.context.empty(energies.value.shape(), energies.value.dtype());
    engine::ops::fill(runtime.context, 1, seed);
    tape.backward(energies, std::move(seed));
    append(tape.gradient(x), scores.input_gradient);
    tape.clear();
  }
};

template <typename T>
void check_finite(const std::vector<T>& energy) {
  for (std::size_t i = 0; i < energy.size(); ++i)
    if (!std::isfinite(energy[i]))
      engine::fail("the energy of image {} is {}; try --precision fp64", i, energy[i]);
}

template <typename T>
void score_all(const ScoreOptions& o, const InputImages& images, Scorer& scorer) {
  const std::int64_t count = images.count();
  ScoreArrays<T> scores;
  CountProgress progress("images", count);
  for (std::int64_t first = 0; first < count; first += o.batch_size) {
    const std::int64_t rows = std::min(o.batch_size, count - first);
    Tensor labels;
    if (scorer.energy == models::EnergyKind::class_logit)
      labels = engine::ops::make_labels(
          scorer.runtime.context,
          std::span(images.set().labels)
              .subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(rows)),
          scorer.model.network_config().num_classes);
    scorer.add(images.rows(scorer.runtime, first, rows), labels, scores);
    progress.update(first + rows);
  }
  check_finite(scores.energy);
  const data::ImageSet& set = images.set();
  engine::Scores<T> file;
  file.count = count;
  file.energy = scores.energy;
  file.logits = scores.logits;
  file.features = scores.features;
  file.input_gradient = scores.input_gradient;
  file.image_shape = {count, set.channels, set.height, set.width};
  file.attributes = model_provenance(scorer.model, scorer.runtime);
  file.attributes.insert(file.attributes.end(), {{"scored_images", o.images.path},
                                                 {"energy", std::string(models::name_of(scorer.energy))},
                                                 {"batch_norm", o.batch_norm},
                                                 {"batch_size", o.batch_size}});
  engine::write_scores_file(o.out, file);
}

// Values written for one image.
double values_per_image(const ScoreOptions& o, const StoredModel& model) {
  const models::WideResNetConfig& c = model.network_config();
  const std::int64_t gradient = o.input_gradient ? model.image_shape().elements() : 0;
  return static_cast<double>(1 + c.num_classes + c.feature_count() + gradient);
}

int run_score(ScoreOptions& o) {
  require_range("--batch-size", static_cast<double>(o.batch_size), 1, kMaxBatch);
  Runtime runtime(o.runtime);
  check_output("--out", o.out, 0, {o.checkpoint, o.images.path});
  check_hdf5_name("--out", o.out);
  StoredModel model(o.checkpoint, runtime);
  Scorer scorer{runtime, model, model.energy(o.energy), o.batch_norm == "batch", o.input_gradient};
  if (const std::string note = model.head_note(); !note.empty() && scorer.energy != models::EnergyKind::head)
    std::fprintf(stderr, "note: %s\n", note.c_str());
  o.images.option = "--images";
  o.images.samples = true;
  o.images.split = data::parse_split(o.split);
  const InputImages images(o.images, model.network_config());
  if (scorer.energy == models::EnergyKind::class_logit)
    images.require_labels(model.network_config().num_classes, "--energy class");
  const double bytes = static_cast<double>(images.count()) * values_per_image(o, model) *
                       static_cast<double>(size_of(runtime.dtype));
  require_memory(fmt::format("{}: its scores", o.images.path), 3 * bytes, "score fewer images at a time");
  check_output("--out", o.out, static_cast<std::uint64_t>(bytes), {});
  if (runtime.dtype == engine::DType::fp64)
    score_all<double>(o, images, scorer);
  else
    score_all<float>(o, images, scorer);
  std::fprintf(stderr, "%s: %lld images scored\n", o.out.c_str(), static_cast<long long>(images.count()));
  return 0;
}

}  // namespace

CommandRunner add_score(CLI::App& command) {
  auto o = std::make_shared<ScoreOptions>();
  Options options(command);
  options.required("--checkpoint", "FILE", o->checkpoint, "checkpoint of the model");
  options.required("--images", "FILE|DIR", o->images.path,
                   "images file (.h5), or folder or archive of a data set");
  options.required(
      "--out", "FILE", o->out,
      "scores file to write (.h5): energy [N], logits [N,C], features [N,D]; replaced if it exists");
  add_set_option(options, o->images.set);
  add_split_option(options, o->split);
  options.choice("--energy", o->energy, {"head", "logsumexp", "class"},
                 "energy; class reads the images' labels", "the one the model was trained with");
  options.choice(
      "--batch-norm", o->batch_norm, {"batch", "running"},
      "statistics: of each batch by itself, in file order, the last one short; or the stored ones");
  options.with_default("--batch-size", "B", o->batch_size,
                       "images at a time; with --batch-norm batch, images normalised together");
  options.flag("--input-gradient", o->input_gradient,
               "also write input_gradient [N,C,H,W], the gradient of the batch's summed energies");
  add_runtime_options(options, o->runtime);
  return [o] { return run_score(*o); };
}

}  // namespace mebm::tools

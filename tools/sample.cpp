// mebm_engine sample: Langevin chains of a stored model.

#include <chrono>
#include <cmath>
#include <cstdio>

#include "ebm/langevin_sampler.h"
#include "engine/core/error.h"
#include "engine/io/images_file.h"
#include "engine/ops/dense.h"
#include "engine/ops/elementwise.h"
#include "report/grid.h"
#include "tools/chain_starts.h"
#include "tools/commands.h"
#include "tools/count_progress.h"

namespace mebm::tools {

using engine::fail_input;

namespace {

constexpr std::int64_t kBatch = 64;                         // chains normalised together
constexpr std::int64_t kMaxChains = 0xffffffffll - kBatch;  // a chain's number is a 32-bit counter word
constexpr std::int64_t kMaxGridImages = 10000;

struct SampleOptions {
  std::string checkpoint, out;
  std::optional<std::int64_t> count;
  std::optional<int> steps, label;
  std::optional<double> step_size, noise, gradient_clamp, pixel_clamp;
  std::optional<std::string> batch_norm, energy, init;
  StartOptions starts;
  RuntimeOptions runtime;

  bool grid() const { return std::filesystem::path(out).extension() == ".png"; }
};

void check_numbers(const SampleOptions& o) {
  constexpr double kLarge = 1e6;
  if (o.count) require_range("--count", static_cast<double>(*o.count), 1, static_cast<double>(kMaxChains));
  if (o.steps) require_range("--steps", *o.steps, 0, (1 << 24) - 1);
  if (o.step_size) require_range("--step-size", *o.step_size, 0, kLarge);
  if (o.noise) require_range("--noise", *o.noise, 0, kLarge);
  if (o.gradient_clamp) require_range("--gradient-clamp", *o.gradient_clamp, 0, kLarge);
  if (o.pixel_clamp) require_range("--pixel-clamp", *o.pixel_clamp, 0, kLarge);
}

void check_format(const SampleOptions& o) {
  const std::string extension = std::filesystem::path(o.out).extension();
  if (extension != ".h5" && extension != ".hdf5" && extension != ".png")
    fail_input("--out {}: ends in neither .h5 (images file) nor .png (grid)", o.out);
}

void check_starts(SampleOptions& o) {
  if (o.starts.init_images && (o.init || o.starts.initial_distribution))
    fail_input("--init-images: chains start from these images; leave --init and --initial-distribution away");
  if (o.starts.initial_distribution && o.init && *o.init != "p0")
    fail_input("--initial-distribution: is for --init p0, not --init {}", *o.init);
  if (!o.starts.init_images && !o.count) fail_input("--count is required unless --init-images is given");
  o.starts.init = o.init.value_or("p0");
}

// Bytes of the file: every chain in the run's precision.
double output_bytes(const SampleOptions& o, std::int64_t count, const Runtime& runtime,
                    const StoredModel& model) {
  const double value = o.grid() ? 1 : static_cast<double>(size_of(runtime.dtype));
  return static_cast<double>(count) * static_cast<double>(model.image_shape().elements()) * value;
}

// The options of the command line over those of the stored configuration over the defaults.
ebm::LangevinOptions sampler_options(const SampleOptions& o, const StoredModel& model) {
  const std::optional<ebm::Config> config = model.config();
  const ebm::SamplerConfig stored = config ? config->sampler : ebm::SamplerConfig();
  ebm::LangevinOptions sampler;
  sampler.steps = o.steps.value_or(stored.steps);
  sampler.step_size = o.step_size.value_or(stored.step_size);
  // Without a configuration: sigma as the paper's code has it.
  const double noise = config || sampler.steps > 2 ? stored.noise : 0;
  sampler.noise = o.noise.value_or(noise);
  sampler.gradient_clamp = o.gradient_clamp.value_or(stored.gradient_clamp);
  sampler.pixel_clamp = o.pixel_clamp.value_or(stored.pixel_clamp);
  sampler.batch_statistics = o.batch_norm.value_or(stored.batch_norm) == "batch";
  sampler.energy = model.energy(o.energy);
  return sampler;
}

void check_class(const SampleOptions& o, models::EnergyKind energy, int classes) {
  const bool conditional = energy == models::EnergyKind::class_logit;
  if (conditional && !o.label) fail_input("--energy class needs --class, one of 0 ... {}", classes - 1);
  if (!conditional && o.label)
    fail_input("--class is for --energy class, not --energy {}", models::name_of(energy));
  if (o.label) require_range("--class", *o.label, 0, classes - 1);
}

template <typename T>
std::vector<T> run_chains(const SampleOptions& o, const ebm::LangevinOptions& options, std::int64_t count,
                          Runtime& runtime, StoredModel& model, ChainStarts& starts) {
  const auto size = static_cast<std::size_t>(model.image_shape().elements());
  std::vector<T> images(static_cast<std::size_t>(count) * size);
  ebm::LangevinSampler sampler(runtime.tape, options);
  CountProgress progress("chains", count);
  for (std::int64_t first = 0; first < count; first += kBatch) {
    const std::int64_t kept = std::min(kBatch, count - first);
    const std::int64_t rows = starts.available() ? kept : kBatch;
    engine::Tensor chains = starts.draw(first, rows);
    engine::Tensor labels;
    if (o.label)
      labels = engine::ops::make_labels(runtime.context,
                                        std::vector<std::int32_t>(static_cast<std::size_t>(rows), *o.label),
                                        model.network_config().num_classes);
    ebm::LangevinRun run;
    run.key = runtime.key;
    run.first_slot = static_cast<std::uint32_t>(first);
    sampler.run(*model.network, run, labels, chains);
    const std::vector<T> values = engine::ops::values<T>(chains);
    T* out = images.data() + static_cast<std::size_t>(first) * size;
    for (std::size_t i = 0; i < static_cast<std::size_t>(kept) * size; ++i) {
      if (!std::isfinite(values[i]))
        engine::fail(
            "chain {} is {} at element {} after {} steps; lower --step-size or keep --gradient-clamp",
            static_cast<std::size_t>(first) + i / size, values[i], i % size, options.steps);
      out[i] = values[i];
    }
    progress.update(first + kept);
  }
  return images;
}

// How the file was made.
engine::FileAttributes provenance(const SampleOptions& o, const ebm::LangevinOptions& sampler,
                                  const Runtime& runtime, const StoredModel& model) {
  engine::FileAttributes attributes = model_provenance(model, runtime);
  const std::string start = o.starts.init_images ? *o.starts.init_images : o.starts.init;
  attributes.insert(attributes.end(),
                    {{"seed", static_cast<std::int64_t>(runtime.seed)},
                     {"steps", std::int64_t{sampler.steps}},
                     {"step_size", sampler.step_size},
                     {"noise", sampler.noise},
                     {"gradient_clamp", sampler.gradient_clamp},
                     {engine::kPixelClamp, sampler.pixel_clamp},
                     {"batch_norm", std::string(sampler.batch_statistics ? "batch" : "running")},
                     {"energy", std::string(models::name_of(sampler.energy))},
                     {"init", start}});
  if (o.starts.initial_distribution)
    attributes.emplace_back("initial_distribution", *o.starts.initial_distribution);
  if (o.label) attributes.emplace_back("class", std::int64_t{*o.label});
  return attributes;
}

template <typename T>
void write_images(const SampleOptions& o, const ebm::ImageShape& shape, std::int64_t count,
                  const std::vector<T>& images, const engine::FileAttributes& attributes) {
  if (!o.grid()) {
    engine::write_images_file(o.out, {count, shape.channels, shape.height, shape.width},
                              std::span<const T>(images), attributes);
    return;
  }
  const std::vector<float> pixels(images.begin(), images.end());
  const report::ImagesView view{pixels.data(), static_cast<int>(count), shape.channels, shape.height,
                                shape.width};
  report::write_png(o.out, report::make_grid(view));
}

int run_sample(SampleOptions& o) {
  const auto began = std::chrono::steady_clock::now();
  check_numbers(o);
  check_starts(o);
  Runtime runtime(o.runtime);
  check_output("--out", o.out, 0,
               {o.checkpoint, o.starts.init_images.value_or(""), o.starts.initial_distribution.value_or("")});
  check_format(o);
  StoredModel model(o.checkpoint, runtime);
  const ebm::LangevinOptions sampler = sampler_options(o, model);
  check_class(o, sampler.energy, model.network_config().num_classes);
  const ebm::ImageShape shape = model.image_shape();
  if (o.grid() && shape.channels != 1 && shape.channels != 3)
    fail_input("--out {}: a PNG has 1 or 3 channels, the model's images have {}; write .h5", o.out,
               shape.channels);
  ChainStarts starts(o.starts, model, runtime);
  const std::int64_t count = o.count.value_or(starts.available().value_or(0));
  if (starts.available() && count > *starts.available())
    fail_input("--count {}: {} holds {} images", count, *o.starts.init_images, *starts.available());
  if (o.grid() && count > kMaxGridImages)
    fail_input("--count {}: a PNG grid shows at most {} images; write .h5", count, kMaxGridImages);
  const double bytes = output_bytes(o, count, runtime, model);
  require_memory(fmt::format("--count {}", count), 3 * bytes, "ask for fewer chains");
  check_output("--out", o.out, static_cast<std::uint64_t>(bytes), {});
  if (const std::string note = model.head_note(); !note.empty() && sampler.energy != models::EnergyKind::head)
    std::fprintf(stderr, "note: %s\n", note.c_str());
  const engine::FileAttributes attributes = provenance(o, sampler, runtime, model);
  if (runtime.dtype == engine::DType::fp64)
    write_images(o, shape, count, run_chains<double>(o, sampler, count, runtime, model, starts), attributes);
  else
    write_images(o, shape, count, run_chains<float>(o, sampler, count, runtime, model, starts), attributes);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
  std::fprintf(stderr, "%s: %lld chains of %d steps in %.1f s\n", o.out.c_str(),
               static_cast<long long>(count), sampler.steps, seconds.count());
  return 0;
}

}  // namespace

CommandRunner add_sample(CLI::App& command) {
  auto o = std::make_shared<SampleOptions>();
  Options options(command);
  const std::string stored = "the checkpoint's configuration, else ";
  options.required("--checkpoint", "FILE", o->checkpoint, "checkpoint of the model");
  options.optional("--count", "N", o->count, "chains to run, in batches of 64",
                   "all of --init-images; else required");
  options.required("--out", "FILE", o->out,
                   "images file to write (.h5), or a grid of the images (.png); replaced if it exists");
  options.optional("--steps", "K", o->steps, "Langevin steps of every chain; 0 writes the starts",
                   stored + "5");
  options.optional("--step-size", "A", o->step_size,
                   "factor of the gradient, in pixel units (images in [-1, 1])", stored + "1");
  options.optional("--noise", "SIGMA", o->noise, "standard deviation of the noise of a step, in pixel units",
                   stored + "0.001; 0 for 2 steps and fewer");
  options.optional("--gradient-clamp", "C", o->gradient_clamp,
                   "bound of every component of the gradient; 0: off", stored + "1");
  options.optional(
      "--pixel-clamp", "P", o->pixel_clamp,
      "bound of every pixel after a step; 0: off: images may leave [-1, 1], which only score and "
      "--init-images take",
      stored + "1");
  options.choice("--batch-norm", o->batch_norm, {"batch", "running"},
                 "statistics: of the 64 chains of a batch, or the stored ones", stored + "batch");
  options.choice("--energy", o->energy, {"head", "logsumexp", "class"}, "energy that the chains descend",
                 "the one the model was trained with");
  options.optional("--class", "Y", o->label, "class of the chains, from 0; with --energy class", "none");
  options.choice("--init", o->init, {"p0", "buffer", "uniform"},
                 "where chains start: the Gaussian fitted to the data, the stored replay buffer, U(-1, 1)",
                 "p0");
  options.optional("--init-images", "FILE", o->starts.init_images,
                   "images file whose images the chains start from; the last batch may be short", "none");
  options.optional("--initial-distribution", "FILE", o->starts.initial_distribution,
                   "file of fit-init to start from", "the checkpoint's");
  add_runtime_options(options, o->runtime);
  return [o] { return run_sample(*o); };
}

}  // namespace mebm::tools

// mebm_engine sample: Langevin chains of a stored model.

#include <chrono>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "engine/core/error.h"
#include "engine/io/images_file.h"
#include "engine/ops/dense.h"
#include "engine/ops/elementwise.h"
#include "tools/commands.h"
#include "tools/count_progress.h"
#include "tools/sample_options.h"
#include "tools/sample_outputs.h"

namespace mebm::tools {

using engine::fail_input;
using nlohmann::ordered_json;

namespace {

// What is run and what is kept of it.
struct SampleJob {
  SampleJob(const SampleOptions& options, Runtime& run, StoredModel& stored, ChainStarts& from)
      : o(options), runtime(run), model(stored), starts(from) {}

  const SampleOptions& o;
  Runtime& runtime;
  StoredModel& model;
  ChainStarts& starts;
  ebm::ChainPlan plan;
  ebm::ImageShape shape;
  ChainClasses classes;
  std::optional<SamplePictures> pictures;
  std::optional<EnergyRecord> energies;
};

void check_format(const SampleOptions& o) {
  const std::string extension = std::filesystem::path(o.out).extension();
  if (extension != ".h5" && extension != ".hdf5" && extension != ".png")
    fail_input("--out {}: ends in neither .h5 (images file) nor .png (grid)", o.out);
}

// Bytes of the file: every chain in the run's precision.
double output_bytes(const SampleJob& job) {
  const double value = job.o.grid() ? 1 : static_cast<double>(size_of(job.runtime.dtype));
  return static_cast<double>(job.plan.count) * static_cast<double>(job.shape.elements()) * value;
}

// Energies of the chains as they are.
engine::Tensor energies_now(SampleJob& job, const ebm::ChainPart& part, const engine::Tensor& labels) {
  const ebm::LangevinOptions& sampler = job.plan.sampler;
  engine::Tensor energies;
  ebm::energy_gradient(job.runtime.tape, *job.model.network, part.chains, sampler.energy, labels,
                       models::Pass::single(part.chains.extent(0), sampler.batch_statistics), &energies);
  return energies;
}

template <typename T>
void keep_images(const SampleJob& job, const ebm::ChainPart& part, std::vector<T>& images) {
  const auto size = static_cast<std::size_t>(job.shape.elements());
  const auto first = static_cast<std::size_t>(part.first);
  const std::vector<T> values = engine::ops::values<T>(part.chains);
  T* out = images.data() + first * size;
  for (std::size_t i = 0; i < static_cast<std::size_t>(part.kept) * size; ++i) {
    if (!std::isfinite(values[i]))
      engine::fail("chain {} is {} at element {} after {} steps; lower --step-size or keep --gradient-clamp",
                   first + i / size, values[i], i % size, job.plan.sampler.steps);
    out[i] = values[i];
  }
}

std::vector<std::int32_t> classes_of(const SampleJob& job, std::int64_t first, std::int64_t rows) {
  std::vector<std::int32_t> labels;
  for (std::int64_t chain = first; chain < first + rows; ++chain) labels.push_back(job.classes.of(chain));
  return labels;
}

template <typename T>
std::vector<T> run_chains(SampleJob& job) {
  std::vector<T> images(static_cast<std::size_t>(job.plan.count * job.shape.elements()));
  CountProgress progress("chains", job.plan.count);
  ebm::ChainHooks hooks;
  hooks.starts = [&](std::int64_t first, std::int64_t rows) { return job.starts.draw(first, rows); };
  hooks.kept = [&](std::int64_t first, std::int64_t rows) { return job.starts.kept(first, rows); };
  if (job.classes.any())
    hooks.labels = [&](std::int64_t first, std::int64_t rows) {
      return engine::ops::make_labels(job.runtime.context, classes_of(job, first, rows),
                                      job.model.network_config().num_classes);
    };
  if (job.pictures) hooks.started = [&](const ebm::ChainPart& part) { job.pictures->record(0, part); };
  if (job.pictures || job.energies)
    hooks.stepped = [&](const ebm::ChainPart& part, int step, const engine::Tensor& energies) {
      if (job.energies) job.energies->record(step, part, energies);
      if (job.pictures) job.pictures->record(step + 1, part);
    };
  hooks.finished = [&](const ebm::ChainPart& part, const engine::Tensor& labels) {
    if (job.energies) job.energies->record(job.plan.sampler.steps, part, energies_now(job, part, labels));
    keep_images(job, part, images);
    progress.update(part.first + part.kept);
  };
  ebm::run_chains(job.runtime.tape, *job.model.network, job.plan, hooks);
  return images;
}

// How the file was made.
engine::FileAttributes provenance(const SampleJob& job) {
  const SampleOptions& o = job.o;
  const ebm::LangevinOptions& sampler = job.plan.sampler;
  engine::FileAttributes attributes = model_provenance(job.model, job.runtime);
  const std::string start = o.starts.init_images ? *o.starts.init_images : o.starts.init;
  attributes.insert(attributes.end(),
                    {{"seed", static_cast<std::int64_t>(job.runtime.seed)},
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
  if (o.starts.mask) attributes.emplace_back("mask", *o.starts.mask);
  if (o.starts.mask && !o.starts.noise_images) attributes.emplace_back("free_pixels", o.starts.init);
  if (o.starts.noise_images) attributes.emplace_back("noise_images", *o.starts.noise_images);
  if (job.classes.one) attributes.emplace_back("class", std::int64_t{*job.classes.one});
  return attributes;
}

std::vector<float> floats(const engine::Tensor& images) {
  const std::vector<double> values = engine::ops::host_values(images);
  return {values.begin(), values.end()};
}

template <typename T>
void write_images(SampleJob& job, const std::vector<T>& images) {
  const std::int64_t count = job.plan.count;
  const ebm::ImageShape& shape = job.shape;
  if (!job.o.grid()) {
    const std::vector<std::int32_t> labels =
        job.classes.any() ? classes_of(job, 0, count) : std::vector<std::int32_t>();
    engine::write_images_file(job.o.out, {count, shape.channels, shape.height, shape.width},
                              std::span<const T>(images), provenance(job), labels);
    return;
  }
  const auto picture = [&](std::vector<float> values) {
    return arranged(std::move(values), count, shape, job.classes.all);
  };
  const ChainImages result = picture({images.begin(), images.end()});
  if (!job.o.restores()) return write_final_grid(job.o, result, nullptr, nullptr);
  const ChainImages given = picture(floats(job.starts.given(0, count))),
                    degraded = picture(floats(job.starts.degraded(0, count)));
  write_final_grid(job.o, result, &given, &degraded);
}

// Number of chains, and what there must be room for.
void plan_output(SampleJob& job) {
  const SampleOptions& o = job.o;
  const std::optional<std::int64_t> available = job.starts.available();
  const std::int64_t count = o.count.value_or(available.value_or(0));
  if (available && count > *available)
    fail_input("--count {}: {} holds {} images", count, *o.starts.init_images, *available);
  job.starts.require_masks_for(count);
  if (job.classes.all > 0 && count % job.classes.all != 0)
    fail_input("--class all: {} chains cannot be shared by {} classes; give --count a multiple of {}", count,
               job.classes.all, job.classes.all);
  if (o.pictures() && job.shape.channels != 1 && job.shape.channels != 3)
    fail_input("--out {}: a PNG has 1 or 3 channels, the model's images have {}; write .h5", o.out,
               job.shape.channels);
  if ((o.grid() || o.grid_every) && count > kMaxGridImages)
    fail_input("--count {}: a PNG grid shows at most {} images; write .h5", count, kMaxGridImages);
  job.plan.count = count;
  job.plan.fill_last_batch = !available;
  const double bytes = output_bytes(job);
  require_memory(fmt::format("--count {}", count), 3 * bytes, "ask for fewer chains");
  check_output("--out", o.out, static_cast<std::uint64_t>(bytes), {});
  const int steps = job.plan.sampler.steps;
  if (o.grid_every || o.animation || o.filmstrip)
    job.pictures.emplace(o, steps, count, job.shape, job.classes);
  const std::optional<int> every = o.energy_every ? o.energy_every : o.grid_every;
  if (every)
    job.energies.emplace(every_nth_step(steps, *every));
  else if (o.json)
    job.energies.emplace(spread_steps(steps, 11));
}

void print_energies(const EnergyRecord& energies) {
  for (const auto& [step, e] : energies.summaries())
    std::fprintf(stderr, "step %d: energy %.5g, %.5g ... %.5g\n", step, e.mean(), e.least, e.most);
}

void print_json(const SampleJob& job, const std::vector<std::string>& files, double seconds) {
  ordered_json out;
  out["checkpoint"] = job.o.checkpoint;
  out["out"] = job.o.out;
  out["chains"] = job.plan.count;
  out["steps"] = job.plan.sampler.steps;
  out["energy"] = models::name_of(job.plan.sampler.energy);
  out["batch_norm"] = job.plan.sampler.batch_statistics ? "batch" : "running";
  out["seconds"] = seconds;
  out["energies"] = ordered_json::array();
  for (const auto& [step, e] : job.energies->summaries())
    out["energies"].push_back({{"step", step}, {"mean", e.mean()}, {"least", e.least}, {"most", e.most}});
  out["pictures"] = files;
  fmt::print("{}\n", out.dump(2, ' ', false, ordered_json::error_handler_t::replace));
}

int run_sample(SampleOptions& o) {
  const auto began = std::chrono::steady_clock::now();
  check_sample_options(o);
  Runtime runtime(o.runtime);
  check_output("--out", o.out, 0,
               {o.checkpoint, o.starts.init_images.value_or(""), o.starts.initial_distribution.value_or(""),
                o.starts.mask.value_or("")});
  check_format(o);
  StoredModel model(o.checkpoint, runtime);
  const ebm::LangevinOptions sampler =
      model.sampler({o.steps, o.step_size, o.noise, o.gradient_clamp, o.pixel_clamp, o.batch_norm, o.energy});
  const ChainClasses classes = chain_classes(o, sampler.energy, model.network_config().num_classes);
  ChainStarts starts(o.starts, model, runtime);
  SampleJob job(o, runtime, model, starts);
  job.plan.sampler = sampler;
  job.plan.key = runtime.key;
  job.shape = model.image_shape();
  job.classes = classes;
  plan_output(job);
  if (const std::string note = model.head_note(); !note.empty() && sampler.energy != models::EnergyKind::head)
    std::fprintf(stderr, "note: %s\n", note.c_str());
  if (runtime.dtype == engine::DType::fp64)
    write_images(job, run_chains<double>(job));
  else
    write_images(job, run_chains<float>(job));
  const std::vector<std::string> files = job.pictures ? job.pictures->write() : std::vector<std::string>();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
  if (job.energies && (o.energy_every || o.grid_every)) print_energies(*job.energies);
  std::fprintf(stderr, "%s: %lld chains of %d steps in %.1f s\n", o.out.c_str(),
               static_cast<long long>(job.plan.count), sampler.steps, seconds.count());
  if (o.json) print_json(job, files, seconds.count());
  return 0;
}

}  // namespace

CommandRunner add_sample(CLI::App& command) {
  auto o = std::make_shared<SampleOptions>();
  Options options(command);
  declare_sample_options(options, *o);
  return [o] { return run_sample(*o); };
}

}  // namespace mebm::tools

#include "tools/evaluate_samples.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "data/images_hdf5.h"
#include "ebm/chain_batches.h"
#include "engine/core/error.h"
#include "engine/ops/elementwise.h"
#include "metrics/calibration.h"
#include "tools/count_progress.h"
#include "tools/word_list.h"

namespace mebm::tools {

using engine::fail_input;

namespace {

constexpr std::int64_t kBatch = 64;  // images classified at a time
constexpr double kKept = 0.9;        // share of every predicted class

std::string describe(const ebm::LangevinOptions& o) {
  return fmt::format("step size {:g}, noise {:g}, gradient clamp {:g}, {} statistics, energy {}", o.step_size,
                     o.noise, o.gradient_clamp, o.batch_statistics ? "batch" : "running",
                     models::name_of(o.energy));
}

}  // namespace

SampleSources::SampleSources(EvaluateJob& job) : job_(job) {
  const EvaluateOptions& o = job.options;
  require_range("--count", static_cast<double>(o.count), 2, 1e7);
  constexpr double kLarge = 1e6;
  if (o.steps) require_range("--steps", *o.steps, 0, (1 << 24) - 1);
  if (o.step_size) require_range("--step-size", *o.step_size, 0, kLarge);
  if (o.noise) require_range("--noise", *o.noise, 0, kLarge);
  choose();
  check_chain_options();
  for (const std::string& name : names_) {
    if (name == "fresh") open_fresh();
    if (name == "file") open_file();
    const bool chains = name == "buffer" || name == "reference";
    const double bytes = chains ? 1 + static_cast<double>(size_of(job.runtime.dtype)) : 1;
    require_memory(
        fmt::format("{} images ({})", count(name), name),
        static_cast<double>(count(name)) * static_cast<double>(job.model.image_shape().elements()) * bytes,
        "judge fewer");
  }
}

void SampleSources::open_file() {
  const std::string& path = *job_.options.samples_file;
  const ebm::ImageShape wanted = job_.model.image_shape();
  file_ = std::make_unique<data::ImageSet>(data::read_images_hdf5(path, wanted.height == 32, true));
  if (file_->channels != wanted.channels || file_->height != wanted.height || file_->width != wanted.width)
    fail_input("--samples-file {}: images are {}x{}x{}, the model's are {}x{}x{}", path, file_->channels,
               file_->height, file_->width, wanted.channels, wanted.height, wanted.width);
}

void SampleSources::choose() {
  const EvaluateOptions& o = job_.options;
  const std::string file = job_.model.reader.path().string();
  if (o.samples) {
    names_ = parse_words("--samples", *o.samples, {"fresh", "buffer", "reference"});
    for (const std::string& name : names_) {
      if (name != "fresh" && !job_.model.reader.has_buffer())
        fail_input("--samples {}: {} holds no replay buffer", name, file);
      if (name == "reference" && !buffer_filter_works())
        fail_input("--samples reference: chooses by the class head, which {} does not have or did not train",
                   file);
    }
  } else if (!o.samples_file) {
    const bool can_start = job_.model.reader.has_initial_distribution() || o.initial_distribution || o.init;
    if (can_start)
      names_.push_back("fresh");
    else
      job_.evaluation.warn(file + ": holds no initial distribution, so fresh chains are left out");
    if (job_.model.reader.has_buffer()) {
      names_.push_back("buffer");
      if (buffer_filter_works())
        names_.push_back("reference");
      else
        job_.evaluation.warn(file +
                             ": no trained class head, so the published selection (reference) is left out");
    } else {
      job_.evaluation.warn(file + ": holds no replay buffer, so buffer and reference are left out");
    }
    if (names_.empty())
      fail_input(
          "{}: holds neither initial distribution nor replay buffer; give --initial-distribution (made by "
          "fit-init), --init uniform or --samples-file",
          file);
  }
  if (o.samples_file) names_.push_back("file");
}

// What only new chains obey is a mistake where there are none.
void SampleSources::check_chain_options() const {
  if (std::find(names_.begin(), names_.end(), "fresh") != names_.end()) return;
  const EvaluateOptions& o = job_.options;
  const std::pair<const char*, bool> given[] = {
      {"--steps", o.steps.has_value()},
      {"--step-size", o.step_size.has_value()},
      {"--noise", o.noise.has_value()},
      {"--init", o.init.has_value()},
      {"--initial-distribution", o.initial_distribution.has_value()}};
  for (const auto& [name, set] : given)
    if (set) fail_input("{}: is for new chains, --samples fresh", name);
}

bool SampleSources::buffer_filter_works() const {
  return job_.model.network_config().num_classes > 0 && job_.model.head_note().empty();
}

void SampleSources::open_fresh() {
  StartOptions start;
  start.init = job_.options.init.value_or("p0");
  start.initial_distribution = job_.options.initial_distribution;
  if (start.initial_distribution && start.init != "p0")
    fail_input("--initial-distribution: is for --init p0, not --init {}", start.init);
  SamplerOverrides overrides;
  overrides.steps = job_.options.steps;
  overrides.step_size = job_.options.step_size;
  overrides.noise = job_.options.noise;
  sampler_ = job_.model.sampler(overrides);
  if (sampler_.energy == models::EnergyKind::class_logit)
    fail_input(
        "{}: its chains follow one class each; write them with 'mebm_engine sample' and give "
        "--samples-file",
        job_.model.reader.path().string());
  starts_ = std::make_unique<ChainStarts>(start, job_.model, job_.runtime);
}

std::int64_t SampleSources::count(const std::string& name) const {
  if (name == "file") return file_->count();
  if (name == "fresh") return job_.options.count;
  return job_.model.reader.buffer_size();
}

SampleBytes SampleSources::make(const std::string& name) {
  if (name == "file") return make_file();
  if (name == "fresh") return make_fresh();
  return make_buffer(name == "reference");
}

Rounding SampleSources::rounding(Rounding otherwise) const {
  const std::optional<std::string>& asked = job_.options.rounding;
  if (!asked) return otherwise;
  return *asked == "truncate" ? Rounding::truncate : Rounding::nearest;
}

SampleBytes SampleSources::empty(const std::string& source, Rounding how) const {
  const ebm::ImageShape shape = job_.model.image_shape();
  SampleBytes samples;
  samples.source = source;
  samples.filter = "none";
  samples.rounding = how == Rounding::nearest ? "nearest byte" : "truncated to bytes";
  samples.channels = shape.channels;
  samples.height = shape.height;
  samples.width = shape.width;
  return samples;
}

SampleBytes SampleSources::make_fresh() {
  const Rounding how = rounding(Rounding::nearest);
  SampleBytes samples = empty("fresh", how);
  samples.steps = sampler_.steps;
  samples.made = fmt::format("chains of {} steps from {}, {}, seed {}", sampler_.steps,
                             job_.options.init.value_or("p0"), describe(sampler_), job_.runtime.seed);
  ebm::ChainPlan plan;
  plan.sampler = sampler_;
  plan.key = job_.runtime.key;
  plan.count = job_.options.count;
  CountProgress progress("chains", plan.count);
  ebm::ChainHooks hooks;
  hooks.starts = [&](std::int64_t first, std::int64_t rows) { return starts_->draw(first, rows); };
  hooks.finished = [&](const ebm::ChainPart& part, const engine::Tensor&) {
    append_bytes(part.chains, part.kept, how, samples.pixels);
    samples.count += part.kept;
    progress.update(samples.count);
  };
  ebm::run_chains(job_.runtime.tape, *job_.model.network, plan, hooks);
  return samples;
}

SampleBytes SampleSources::make_buffer(bool selection) {
  const Rounding how = rounding(selection ? Rounding::truncate : Rounding::nearest);
  SampleBytes samples = empty(selection ? "reference" : "buffer", how);
  ebm::ReplayBuffer buffer(job_.runtime.context, job_.model.reader.buffer_size(), job_.model.image_shape(),
                           job_.runtime.dtype);
  job_.model.reader.load_buffer(buffer);
  samples.made = fmt::format("stored replay buffer of {} chains", buffer.size());
  std::vector<std::int64_t> rows;
  if (selection) {
    samples.filter = "the 90 % of every predicted class that the class head is surest of, running statistics";
    rows = surest(buffer);
  } else {
    rows.resize(static_cast<std::size_t>(buffer.size()));
    std::iota(rows.begin(), rows.end(), 0);
  }
  for (const std::int64_t row : rows) append_bytes(buffer.images().rows(row, 1), 1, how, samples.pixels);
  samples.count = static_cast<std::int64_t>(rows.size());
  return samples;
}

std::vector<std::int64_t> SampleSources::surest(ebm::ReplayBuffer& buffer) {
  const int classes = job_.model.network_config().num_classes;
  autograd::Tape& tape = job_.runtime.tape;
  const autograd::NoRecording no_recording(tape);
  std::vector<std::vector<std::pair<double, std::int64_t>>> by_class(static_cast<std::size_t>(classes));
  CountProgress progress("buffer images classified", buffer.size());
  for (std::int64_t first = 0; first < buffer.size(); first += kBatch) {
    const std::int64_t rows = std::min(kBatch, buffer.size() - first);
    const autograd::Variable x{buffer.images().rows(first, rows)};
    const autograd::Variable features =
        job_.model.network->features(tape, x, models::Pass::single(rows, false));
    const engine::Tensor logits = job_.model.network->logits(tape, features).value;
    const std::vector<double> values = engine::ops::host_values(logits);
    const auto width = static_cast<std::size_t>(classes);
    for (std::size_t r = 0; r < static_cast<std::size_t>(rows); ++r) {
      const metrics::Prediction predicted = metrics::predict(std::span(values).subspan(r * width, width));
      by_class[predicted.label].emplace_back(predicted.probability, first + static_cast<std::int64_t>(r));
    }
    progress.update(first + rows);
  }
  std::vector<std::int64_t> kept;
  for (auto& members : by_class) {
    std::stable_sort(members.begin(), members.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    const auto keep = static_cast<std::size_t>(kKept * static_cast<double>(members.size()));
    for (std::size_t i = 0; i < keep; ++i) kept.push_back(members[i].second);
  }
  std::sort(kept.begin(), kept.end());
  return kept;
}

SampleBytes SampleSources::make_file() const {
  SampleBytes samples = empty("file", Rounding::nearest);
  samples.made = *job_.options.samples_file;
  if (!file_->pixels.empty()) {
    samples.rounding = "bytes as stored";
    samples.pixels = file_->pixels;
  } else {
    const Rounding how = rounding(Rounding::nearest);
    samples.rounding = how == Rounding::nearest ? "nearest byte" : "truncated to bytes";
    for (const float value : file_->values) samples.pixels.push_back(to_byte(value, how));
  }
  samples.count = file_->count();
  samples.channels = file_->channels;
  samples.height = file_->height;
  samples.width = file_->width;
  return samples;
}

}  // namespace mebm::tools

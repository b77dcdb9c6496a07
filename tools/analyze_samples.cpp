#include "tools/analyze_samples.h"

#include <algorithm>
#include <cmath>

#include "data/streams.h"
#include "ebm/chain_batches.h"
#include "engine/core/error.h"
#include "engine/ops/elementwise.h"
#include "tools/count_progress.h"

namespace mebm::tools {

using engine::fail_input;
using engine::Tensor;

namespace {

constexpr std::int64_t kBatch = ebm::kChainBatch;  // images normalised together, as in training

ebm::LangevinOptions sampler_options(const AnalyzeOptions& o, const StoredModel& model) {
  SamplerOverrides overrides;
  overrides.steps = o.steps;
  overrides.batch_norm = o.batch_norm;
  overrides.energy = o.energy;
  const ebm::LangevinOptions sampler = model.sampler(overrides);
  if (sampler.energy == models::EnergyKind::class_logit)
    fail_input("{}: its energy is that of a class; give --energy head or logsumexp",
               model.reader.path().string());
  return sampler;
}

template <typename T>
void append(const Tensor& tensor, std::int64_t rows, std::vector<T>& values) {
  const std::vector<double> all = engine::ops::host_values(tensor);
  const auto end =
      all.begin() + static_cast<std::ptrdiff_t>(all.size() / static_cast<std::size_t>(tensor.extent(0)) *
                                                static_cast<std::size_t>(rows));
  std::transform(all.begin(), end, std::back_inserter(values),
                 [](double value) { return static_cast<T>(value); });
}

class Collector {
 public:
  Collector(OpenedModel& opened, Runtime& runtime, AnalyzedModel& out, std::int64_t total)
      : opened_(opened), runtime_(runtime), out_(out), progress_("images", total) {}

  // Scores a batch [rows,C,H,W] and keeps its first `kept` images.
  void add(Kind kind, const Tensor& images, std::int64_t kept) {
    AnalyzedImages& to = out_.kinds[kind];
    autograd::Tape& tape = runtime_.tape;
    models::WideResNet& network = *opened_.model.network;
    tape.clear();
    const autograd::NoRecording off(tape);
    const auto pass = models::Pass::single(images.extent(0), opened_.sampler.batch_statistics);
    const autograd::Variable features = network.features(tape, {images}, pass);
    append(images, kept, to.images);
    append(features.value, kept, to.features);
    if (out_.num_classes > 0) append(network.logits(tape, features).value, kept, to.logits);
    append(network.energy(tape, features, opened_.sampler.energy, {}).value, kept, to.energies);
    for (std::int64_t row = to.count() - kept; row < to.count(); ++row)
      if (const double energy = to.energies[static_cast<std::size_t>(row)]; !std::isfinite(energy))
        engine::fail("{}: the energy of image {} of {} is {}; lower --steps or take an earlier checkpoint",
                     out_.checkpoint, row, kKindNames[kind], energy);
    done_ += kept;
    progress_.update(done_);
  }

  void add_data(const InputImages& images, std::int64_t count) {
    const std::vector<std::int64_t> order =
        data::keyed_permutation(images.count(), runtime_.key, engine::RandomPurpose::shuffle_positives, 0);
    for (std::int64_t first = 0; first < count; first += kBatch) {
      const std::int64_t rows = std::min(kBatch, images.count() - first),
                         kept = std::min(rows, count - first);
      const auto indices =
          std::span(order).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(rows));
      add(data_images, data::load_images(runtime_.context, images.set(), indices, runtime_.dtype), kept);
      for (const std::int64_t index : indices.first(static_cast<std::size_t>(kept)))
        out_.kinds[data_images].numbers.push_back(index);
    }
  }

  void add_chains(std::int64_t count) {
    ebm::ChainPlan plan;
    plan.sampler = opened_.sampler;
    plan.key = runtime_.key;
    plan.count = count;
    ebm::ChainHooks hooks;
    hooks.starts = [&](std::int64_t first, std::int64_t rows) { return opened_.starts.draw(first, rows); };
    hooks.started = [&](const ebm::ChainPart& part) { add(chain_starts, part.chains, part.kept); };
    hooks.finished = [&](const ebm::ChainPart& part, const Tensor&) {
      add(chain_ends, part.chains, part.kept);
      for (std::int64_t c = part.first; c < part.first + part.kept; ++c)
        for (const Kind kind : {chain_starts, chain_ends}) out_.kinds[kind].numbers.push_back(c);
    };
    ebm::run_chains(runtime_.tape, *opened_.model.network, plan, hooks);
  }

 private:
  OpenedModel& opened_;
  Runtime& runtime_;
  AnalyzedModel& out_;
  CountProgress progress_;
  std::int64_t done_ = 0;
};

// Classes and how probable the model holds them; `labels` where the images have some.
void classify(AnalyzedImages& images, int num_classes, const std::vector<std::int32_t>& labels) {
  const auto width = static_cast<std::size_t>(num_classes);
  for (std::size_t i = 0; i < images.energies.size(); ++i) {
    const std::span<const float> row = std::span(images.logits).subspan(i * width, width);
    const auto largest = std::max_element(row.begin(), row.end());
    const auto chosen = labels.empty()
                            ? static_cast<std::size_t>(largest - row.begin())
                            : static_cast<std::size_t>(labels[static_cast<std::size_t>(images.numbers[i])]);
    double sum = 0;
    for (const float logit : row) sum += std::exp(static_cast<double>(logit) - static_cast<double>(*largest));
    images.classes.push_back(static_cast<int>(chosen));
    images.confidences.push_back(std::exp(static_cast<double>(row[chosen]) - static_cast<double>(*largest)) /
                                 sum);
  }
}

std::string base_name(const std::filesystem::path& path) {
  std::string stem = path.stem().string();
  const std::filesystem::path folder = std::filesystem::absolute(path).lexically_normal().parent_path();
  if (folder.filename() != "checkpoints") return stem;
  constexpr std::string_view kPrefix = "iteration-";
  if (stem.starts_with(kPrefix)) {
    const std::size_t digit = stem.find_first_not_of('0', kPrefix.size());
    stem = digit == std::string::npos ? "0" : stem.substr(digit);
  }
  return folder.parent_path().filename().string() + "-" + stem;
}

}  // namespace

OpenedModel::OpenedModel(const AnalyzeOptions& options, const std::string& checkpoint, Runtime& runtime)
    : model(checkpoint, runtime),
      sampler(sampler_options(options, model)),
      starts(options.starts, model, runtime) {}

std::vector<std::string> model_names(const std::vector<std::string>& checkpoints) {
  std::vector<std::string> names;
  for (const std::string& checkpoint : checkpoints) {
    const std::string base = base_name(checkpoint);
    std::string name = base;
    for (int k = 2; std::find(names.begin(), names.end(), name) != names.end(); ++k)
      name = fmt::format("{}-{}", base, k);
    names.push_back(name);
  }
  return names;
}

AnalyzedModel collect(const AnalyzeOptions& options, OpenedModel& opened, const InputImages& images,
                      const std::string& name, Runtime& runtime) {
  AnalyzedModel out;
  out.name = name;
  out.checkpoint = opened.model.reader.path().string();
  out.iteration = opened.model.reader.iteration();
  out.shape = opened.model.image_shape();
  out.dimensions = opened.model.network_config().feature_count();
  out.num_classes = opened.model.network_config().num_classes;
  out.sampler = opened.sampler;
  const std::vector<std::int32_t>& labels = images.set().labels;
  Collector collector(opened, runtime, out, kKinds * options.count);
  collector.add_data(images, options.count);
  collector.add_chains(options.count);
  if (out.num_classes == 0) return out;
  // Labels of another set's classes are none of the model's.
  out.labelled = !labels.empty() && std::all_of(labels.begin(), labels.end(), [&](std::int32_t label) {
    return label >= 0 && label < out.num_classes;
  });
  for (int kind = 0; kind < kKinds; ++kind)
    classify(out.kinds[static_cast<std::size_t>(kind)], out.num_classes,
             kind == data_images && out.labelled ? labels : std::vector<std::int32_t>());
  return out;
}

}  // namespace mebm::tools

#include "tools/analyze_files.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/core/error.h"
#include "engine/io/checkpoint_file.h"
#include "tools/run_directory.h"

namespace mebm::tools {

namespace fs = std::filesystem;

namespace {

constexpr const char* kResultFile = "analysis.h5";
constexpr int kVersion = 1;

fs::path directory_of(const AnalyzeOptions& options) {
  const fs::path path = fs::path(options.out).lexically_normal();
  return path.has_filename() ? path : path.parent_path();  // "figures/"
}

struct Summary {
  double mean = 0, deviation = 0;
  std::array<double, 5> quantiles{};
};

constexpr std::array<double, 5> kQuantiles{0, 0.05, 0.5, 0.95, 1};

Summary summarise(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto count = static_cast<double>(values.size());
  Summary summary;
  summary.mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0;
  for (const double value : values) squares += (value - summary.mean) * (value - summary.mean);
  summary.deviation = std::sqrt(squares / count);
  for (std::size_t q = 0; q < kQuantiles.size(); ++q) {
    // Between the two nearest order statistics, as NumPy does.
    const double at = kQuantiles[q] * (count - 1);
    const auto below = static_cast<std::size_t>(at);
    const double above = values[std::min(below + 1, values.size() - 1)];
    summary.quantiles[q] = values[below] + (at - std::floor(at)) * (above - values[below]);
  }
  return summary;
}

// Rows of extremes.csv for one criterion: lower keys rank higher.
void append_extremes(const AnalyzedModel& model, Kind kind, const char* criterion, std::vector<double> key,
                     std::string& csv) {
  const AnalyzedImages& images = model.kinds[kind];
  for (const char* end : {"highest", "lowest"}) {
    for (int c = 0; c < model.num_classes; ++c) {
      const std::vector<std::size_t> order = ranked(images, c, key);
      for (std::size_t rank = 0; rank < std::min<std::size_t>(kExtremes, order.size()); ++rank) {
        const std::size_t row = order[rank];
        csv +=
            fmt::format("{},{},{},{},{},{},{},{:.9g},{:.9g}\n", model.name, kKindNames[kind], criterion, end,
                        c, rank + 1, images.numbers[row], images.energies[row], images.confidences[row]);
      }
    }
    for (double& value : key) value = -value;
  }
}

void write_kind(engine::Hdf5Writer& writer, const Analysis& analysis, int kind) {
  const AnalyzedModel& model = analysis.model;
  const auto k = static_cast<std::size_t>(kind);
  const AnalyzedImages& images = model.kinds[k];
  const std::string group = "/" + model.name + "/" + kKindKeys[k];
  const std::int64_t count = images.count();
  writer.write(group + "/number", {count}, images.numbers.data());
  writer.write(group + "/energy", {count}, images.energies.data());
  writer.write(group + "/features", {count, model.dimensions}, images.features.data());
  if (model.num_classes > 0) {
    const std::vector<std::int32_t> classes(images.classes.begin(), images.classes.end());
    writer.write(group + "/logits", {count, model.num_classes}, images.logits.data());
    writer.write(group + "/class", {count}, classes.data());
    writer.set_attribute(group + "/class", "source",
                         kind == data_images && model.labelled ? "label" : "largest logit");
  }
  if (analysis.embedding)
    writer.write(group + "/embedding", {count, 2}, analysis.embedding->embedding.data() + 2 * kind * count);
}

}  // namespace

void check_directory(const AnalyzeOptions& options, std::uint64_t bytes) {
  const fs::path directory = directory_of(options);
  std::error_code error;
  if (!fs::exists(directory, error)) {
    engine::check_can_write(directory, bytes);
    return;
  }
  if (!fs::is_directory(directory, error))
    engine::fail_input("--out {}: is a file, not a directory", options.out);
  for (const std::string& checkpoint : options.checkpoints)
    check_output("--out", directory / kResultFile, bytes, {checkpoint, options.data.path});
}

std::string samples_csv(const std::vector<Analysis>& analyses) {
  std::string csv = "model,kind,number,energy,log_p_unnormalised,class,p_class,tsne_1,tsne_2\n";
  for (const Analysis& analysis : analyses) {
    std::size_t point = 0;
    for (std::size_t kind = 0; kind < kKinds; ++kind) {
      const AnalyzedImages& images = analysis.model.kinds[kind];
      for (std::size_t i = 0; i < images.energies.size(); ++i, ++point) {
        csv += fmt::format("{},{},{},{:.9g},{:.9g},", analysis.model.name, kKindNames[kind],
                           images.numbers[i], images.energies[i], -images.energies[i]);
        csv +=
            images.classes.empty() ? "," : fmt::format("{},{:.9g}", images.classes[i], images.confidences[i]);
        csv += analysis.embedding ? fmt::format(",{:.9g},{:.9g}\n", analysis.embedding->embedding[2 * point],
                                                analysis.embedding->embedding[2 * point + 1])
                                  : ",,\n";
      }
    }
  }
  return csv;
}

std::string energies_summary(const std::vector<Analysis>& analyses, bool text) {
  std::size_t widest = 5;
  for (const Analysis& analysis : analyses) widest = std::max(widest, analysis.model.name.size());
  std::string out = text ? fmt::format(
                               "{:<{}}  kind  images       mean  deviation    minimum        5 %     median"
                               "       95 %    maximum\n",
                               "model", widest)
                         : "model,kind,count,mean,deviation,minimum,q05,median,q95,maximum\n";
  for (const Analysis& analysis : analyses)
    for (std::size_t kind = 0; kind < kKinds; ++kind) {
      const AnalyzedImages& images = analysis.model.kinds[kind];
      const Summary s = summarise(images.energies);
      out += text ? fmt::format("{:<{}}  {:<4}  {:>6}", analysis.model.name, widest, kKindNames[kind],
                                images.count())
                  : fmt::format("{},{},{}", analysis.model.name, kKindNames[kind], images.count());
      std::vector<double> numbers{s.mean, s.deviation};
      numbers.insert(numbers.end(), s.quantiles.begin(), s.quantiles.end());
      for (const double number : numbers)
        out += text ? fmt::format(" {:>10.4g}", number) : fmt::format(",{:.9g}", number);
      out += "\n";
    }
  return out;
}

std::string extremes_csv(const std::vector<Analysis>& analyses) {
  std::string csv = "model,kind,criterion,end,class,rank,number,energy,p_class\n";
  for (const Analysis& analysis : analyses)
    for (const Kind kind : {data_images, chain_ends}) {
      const AnalyzedImages& images = analysis.model.kinds[kind];
      std::vector<double> unlikely;
      for (const double confidence : images.confidences) unlikely.push_back(-confidence);
      append_extremes(analysis.model, kind, "p(x)", images.energies, csv);
      append_extremes(analysis.model, kind, "p(y|x)", unlikely, csv);
    }
  return csv;
}

std::string centres_csv(const std::vector<Analysis>& analyses) {
  std::string csv = "model,class,kind,rank,number,distance\n";
  for (const Analysis& analysis : analyses) {
    const AnalyzedModel& model = analysis.model;
    const auto width = static_cast<std::size_t>(model.dimensions);
    const std::vector<double> centres = class_centres(model);
    for (int c = 0; c < model.num_classes; ++c)
      for (const Kind kind : {data_images, chain_ends}) {
        const std::span<const double> centre =
            std::span(centres).subspan(static_cast<std::size_t>(c) * width, width);
        if (!std::isfinite(centre[0])) continue;
        const AnalyzedImages& images = model.kinds[kind];
        const std::vector<double> distances = distances_to(model, images, centre);
        const std::vector<std::size_t> order = ranked(images, -1, distances);
        for (std::size_t rank = 0; rank < std::min<std::size_t>(kNearest, order.size()); ++rank)
          csv += fmt::format("{},{},{},{},{},{:.9g}\n", model.name, c, kKindNames[kind], rank + 1,
                             images.numbers[order[rank]], distances[order[rank]]);
      }
  }
  return csv;
}

void write_text_file(const fs::path& path, const std::string& text) {
  engine::write_atomically(path, std::as_bytes(std::span(text.data(), text.size())));
}

void write_analysis_hdf5(const fs::path& path, const std::vector<Analysis>& analyses,
                         const Runtime& runtime) {
  engine::Hdf5Writer writer;
  writer.set_attribute("/", "format", "mebm-analysis");
  writer.set_attribute("/", "version", kVersion);
  writer.set_attribute("/", "engine_version", MEBM_VERSION);
  writer.set_attribute("/", "created", creation_time());
  writer.set_attribute("/", "seed", static_cast<std::int64_t>(runtime.seed));
  for (const Analysis& analysis : analyses) {
    const AnalyzedModel& model = analysis.model;
    const std::string group = "/" + model.name;
    writer.make_group(group);
    writer.set_attribute(group, "checkpoint", model.checkpoint);
    writer.set_attribute(group, "checkpoint_iteration", model.iteration);
    writer.set_attribute(group, "energy", models::name_of(model.sampler.energy));
    writer.set_attribute(group, "steps", model.sampler.steps);
    writer.set_attribute(group, "step_size", model.sampler.step_size);
    writer.set_attribute(group, "noise", model.sampler.noise);
    writer.set_attribute(group, "batch_norm", model.sampler.batch_statistics ? "batch" : "running");
    if (analysis.embedding) {
      writer.set_attribute(group, "tsne_divergence", analysis.embedding->divergence);
      writer.set_attribute(group, "tsne_iterations", analysis.embedding->iterations);
    }
    for (int kind = 0; kind < kKinds; ++kind) write_kind(writer, analysis, kind);
    if (model.num_classes > 0)
      writer.write(group + "/class_centres", {model.num_classes, model.dimensions},
                   class_centres(model).data());
  }
  engine::write_file(path, writer);
}

}  // namespace mebm::tools

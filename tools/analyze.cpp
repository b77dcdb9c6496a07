// mebm_engine analyze: pictures of what a model has learned, and the numbers behind them.

#include <algorithm>
#include <cstdio>
#include <memory>

#include "engine/core/error.h"
#include "report/rows.h"
#include "tools/analyze_files.h"
#include "tools/commands.h"
#include "tools/count_progress.h"
#include "tools/word_list.h"

namespace mebm::tools {

namespace fs = std::filesystem;
using engine::fail_input;

namespace {

constexpr std::int64_t kMaxImages = 1 << 20;  // --count

// --figures as given: the figures in the order of all_figures(), each once; nothing given: all.
std::vector<const FigureKind*> parse_figures(const std::optional<std::string>& list) {
  std::vector<std::string> known;
  for (const FigureKind& figure : all_figures()) known.emplace_back(figure.name);
  const std::vector<std::string> words = list ? parse_words("--figures", *list, known) : known;
  std::vector<const FigureKind*> chosen;
  for (const FigureKind& figure : all_figures())
    if (std::find(words.begin(), words.end(), figure.name) != words.end()) chosen.push_back(&figure);
  return chosen;
}

bool any_embedding(const std::vector<const FigureKind*>& figures) {
  return std::any_of(figures.begin(), figures.end(), [](const FigureKind* f) { return f->needs_embedding; });
}

using OpenedModels = std::vector<std::unique_ptr<OpenedModel>>;

OpenedModels open_models(const AnalyzeOptions& o, Runtime& runtime,
                         const std::vector<const FigureKind*>& figures) {
  OpenedModels opened;
  for (const std::string& checkpoint : o.checkpoints) {
    opened.push_back(std::make_unique<OpenedModel>(o, checkpoint, runtime));
    const StoredModel& model = opened.back()->model;
    const ebm::ImageShape shape = model.image_shape(), first = opened.front()->model.image_shape();
    if (shape != first)
      fail_input("{}: takes images of {}x{}x{}, {} of {}x{}x{}; analyze them one by one", checkpoint,
                 shape.channels, shape.height, shape.width, o.checkpoints[0], first.channels, first.height,
                 first.width);
    if (shape.channels != 1 && shape.channels != 3)
      fail_input("{}: a PNG has 1 or 3 channels, the model's images have {}", checkpoint, shape.channels);
    for (const FigureKind* figure : figures)
      if (o.figures && figure->needs_classes && model.network_config().num_classes == 0)
        fail_input("{}: the model has no class head; the figure '{}' needs one", checkpoint, figure->name);
    if (const std::string note = model.head_note(); !note.empty())
      std::fprintf(stderr, "note: %s\n", note.c_str());
  }
  return opened;
}

// Bytes of a model's images, features and places; of its t-SNE while it runs.
double sample_bytes(const AnalyzeOptions& o, const StoredModel& model) {
  const models::WideResNetConfig& c = model.network_config();
  const double values =
      static_cast<double>(model.image_shape().elements() + c.feature_count() + c.num_classes);
  return kKinds * static_cast<double>(o.count) * (4 * values + 64);
}

void check_sizes(const AnalyzeOptions& o, const OpenedModels& opened, const InputImages& images, bool embed) {
  if (o.count > images.count())
    fail_input("--count {}: {} holds {} images; ask for fewer or use another --split", o.count, o.data.path,
               images.count());
  const std::int64_t points = kKinds * o.count;
  if (embed && points > metrics::kMaxTsnePoints)
    fail_input(
        "--count {}: t-SNE takes {} images of each kind at most (memory grows with their square); ask for "
        "fewer or leave the tsne figures out with --figures",
        o.count, metrics::kMaxTsnePoints / kKinds);
  if (embed && static_cast<double>(points) < o.perplexity + 2)
    fail_input("--count {}: {} points are too few for --perplexity {}; ask for more or lower it", o.count,
               points, o.perplexity);
  double bytes = 0, largest = 0;
  for (const auto& one : opened) {
    bytes += sample_bytes(o, one->model);
    if (embed)
      largest = std::max(largest, metrics::tsne_bytes(points, one->model.network_config().feature_count()));
  }
  require_memory(fmt::format("--count {}", o.count), 3 * bytes + largest, "ask for fewer images");
  check_directory(o, static_cast<std::uint64_t>(bytes));
}

metrics::TsneResult embed(const AnalyzeOptions& o, const AnalyzedModel& model, Runtime& runtime) {
  std::vector<float> features;
  for (const AnalyzedImages& images : model.kinds)
    features.insert(features.end(), images.features.begin(), images.features.end());
  metrics::TsneOptions options;
  options.perplexity = o.perplexity;
  options.threads = runtime.context.threads();
  CountProgress progress("t-SNE iterations", options.iterations);
  options.progress = [&](int iteration) { progress.update(iteration); };
  return metrics::tsne(features, kKinds * o.count, model.dimensions, options);
}

// Figures in memory; nothing has been written yet.
struct Drawn {
  std::vector<std::pair<std::string, report::Image>> figures;
  int left_out = 0;  // panels
};

Drawn draw(const std::vector<const FigureKind*>& kinds, const std::vector<Analysis>& analyses) {
  Drawn drawn;
  for (const Analysis& analysis : analyses) {
    if (analysis.model.num_classes > 0) continue;
    std::string names;
    for (const FigureKind* kind : kinds) {
      if (!kind->needs_classes) continue;
      names += (names.empty() ? "" : ", ") + std::string(kind->name);
      ++drawn.left_out;
    }
    if (!names.empty())
      std::fprintf(stderr, "note: %s has no class head; left out for it: %s\n", analysis.model.name.c_str(),
                   names.c_str());
  }
  for (const FigureKind* kind : kinds) {
    std::vector<report::Image> panels;
    for (const Analysis& analysis : analyses)
      if (!kind->needs_classes || analysis.model.num_classes > 0) panels.push_back(kind->draw(analysis));
    if (!panels.empty()) drawn.figures.emplace_back(kind->name, report::beside(panels));
  }
  return drawn;
}

void write_all(const AnalyzeOptions& o, const std::vector<Analysis>& analyses, const Drawn& drawn,
               const Runtime& runtime) {
  const fs::path directory = o.out;
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) engine::fail("--out {}: cannot be made: {}", o.out, error.message());
  for (const auto& [name, image] : drawn.figures) report::write_png(directory / (name + ".png"), image);
  write_text_file(directory / "samples.csv", samples_csv(analyses));
  write_text_file(directory / "energies.csv", energies_summary(analyses, false));
  const bool classes = std::any_of(analyses.begin(), analyses.end(),
                                   [](const Analysis& a) { return a.model.num_classes > 0; });
  if (classes) {
    write_text_file(directory / "extremes.csv", extremes_csv(analyses));
    write_text_file(directory / "centres.csv", centres_csv(analyses));
  }
  write_analysis_hdf5(directory / "analysis.h5", analyses, runtime);
}

int run_analyze(AnalyzeOptions& o) {
  if (o.checkpoints.empty()) fail_input("--checkpoint is required; it may be given several times");
  require_range("--count", static_cast<double>(o.count), 1, static_cast<double>(kMaxImages));
  if (o.steps) require_range("--steps", *o.steps, 0, (1 << 24) - 1);
  require_range("--perplexity", o.perplexity, 1, 1000);
  const std::vector<const FigureKind*> figures = parse_figures(o.figures);
  if (o.starts.initial_distribution && o.starts.init != "p0")
    fail_input("--initial-distribution: is for --init p0, not --init {}", o.starts.init);
  Runtime runtime(o.runtime);
  check_directory(o, 0);
  OpenedModels opened = open_models(o, runtime, figures);
  o.data.option = "--data";
  o.data.split = data::parse_split(o.split);
  const InputImages images(o.data, opened[0]->model.network_config());
  const bool embedding = any_embedding(figures);
  check_sizes(o, opened, images, embedding);
  const std::vector<std::string> names = model_names(o.checkpoints);
  std::vector<Analysis> analyses;
  for (std::size_t m = 0; m < opened.size(); ++m) {
    analyses.push_back({collect(o, *opened[m], images, names[m], runtime), {}});
    opened[m].reset();
    if (embedding) analyses.back().embedding = embed(o, analyses.back().model, runtime);
  }
  const Drawn drawn = draw(figures, analyses);
  write_all(o, analyses, drawn, runtime);
  fmt::print("energies of {} images of each kind\n{}", o.count, energies_summary(analyses, true));
  for (const Analysis& analysis : analyses)
    if (analysis.embedding)
      fmt::print("t-SNE of {}: KL divergence {:.4f} after {} iterations\n", analysis.model.name,
                 analysis.embedding->divergence, analysis.embedding->iterations);
  std::fprintf(stderr, "%s: %zu figures, %d left out\n", o.out.c_str(), drawn.figures.size(), drawn.left_out);
  return 0;
}

}  // namespace

CommandRunner add_analyze(CLI::App& command) {
  auto o = std::make_shared<AnalyzeOptions>();
  Options options(command);
  options.repeated("--checkpoint", "FILE", o->checkpoints,
                   "checkpoint of a model; several times: their panels side by side; required");
  options.required("--data", "DIR|FILE", o->data.path,
                   "data images x+: folder or archive of a data set, or images file (.h5)");
  options.required(
      "--out", "DIR", o->out,
      "directory for the figures (.png), their numbers (.csv) and analysis.h5; files are replaced");
  add_set_option(options, o->data.set);
  add_split_option(options, o->split);
  options.with_default("--count", "N", o->count,
                       "images of each kind: data x+, starts x0, ends of chains x-");
  options.optional("--figures", "LIST", o->figures, "comma-separated: " + known_figures(), "all");
  options.optional("--steps", "K", o->steps, "Langevin steps of every chain",
                   "the checkpoint's configuration, else 5");
  options.choice("--energy", o->energy, {"head", "logsumexp"}, "energy E, of which log p(x) = -E + constant",
                 "the one the model was trained with");
  options.choice("--batch-norm", o->batch_norm, {"batch", "running"},
                 "statistics: of the 64 images of a batch, or the stored ones",
                 "the checkpoint's configuration, else batch");
  options.choice("--init", o->starts.init, {"p0", "uniform"},
                 "where chains start: the Gaussian fitted to the data, U(-1, 1)");
  options.optional("--initial-distribution", "FILE", o->starts.initial_distribution,
                   "file of fit-init to start from", "the checkpoint's");
  options.with_default("--perplexity", "P", o->perplexity, "of t-SNE: about how many neighbours count");
  add_runtime_options(options, o->runtime);
  return [o] { return run_analyze(*o); };
}

}  // namespace mebm::tools

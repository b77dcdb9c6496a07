// mebm_engine evaluate: accuracy and loss of a stored model's class head on labelled images.

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "data/streams.h"
#include "engine/core/error.h"
#include "metrics/classification.h"
#include "tools/commands.h"
#include "tools/count_progress.h"
#include "tools/model_inputs.h"

namespace mebm::tools {

using engine::fail_input;
using nlohmann::ordered_json;

namespace {

struct EvaluateOptions {
  std::string checkpoint, metrics = "accuracy,loss", split = "test";
  ImageSource data;
  std::optional<std::string> batch_norm;
  std::int64_t batch_size = 64;
  bool json = false;
  RuntimeOptions runtime;
};

struct Row {
  std::string statistics;  // running | batch
  metrics::Classification result;
};

// The words of a comma-separated list; each must be a metric.
std::vector<std::string> parse_metrics(const std::string& text) {
  const std::string known = "accuracy, loss", planned = "fid, is, kid, ece, ood, robustness";
  std::vector<std::string> metrics;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    if (word != "accuracy" && word != "loss")
      fail_input("--metrics: '{}' is not available; known: {}; planned: {}", word, known, planned);
    if (std::find(metrics.begin(), metrics.end(), word) == metrics.end()) metrics.push_back(word);
    begin = end + 1;
  }
  return metrics;
}

// In pieces of whole batches, so that progress can be told.
metrics::Classification classify(Runtime& runtime, StoredModel& model, const InputImages& images,
                                 const metrics::ClassificationOptions& options) {
  constexpr std::int64_t kPieceImages = 512;
  const std::int64_t piece =
      std::max<std::int64_t>(1, kPieceImages / options.batch_size) * options.batch_size;
  const std::vector<std::int64_t> indices = data::ascending(images.count());
  CountProgress progress("images", images.count());
  metrics::Classification total;
  double correct = 0, loss = 0;
  for (std::int64_t first = 0; first < images.count(); first += piece) {
    const auto part = std::span(indices).subspan(
        static_cast<std::size_t>(first), static_cast<std::size_t>(std::min(piece, images.count() - first)));
    const metrics::Classification result =
        metrics::classify(runtime.tape, *model.network, images.set(), part, options);
    correct += std::round(result.accuracy * static_cast<double>(result.count));
    loss += result.loss * static_cast<double>(result.count);
    total.count += result.count;
    progress.update(total.count);
  }
  total.accuracy = correct / static_cast<double>(total.count);
  total.loss = loss / static_cast<double>(total.count);
  return total;
}

double value_of(const metrics::Classification& result, const std::string& metric) {
  return metric == "accuracy" ? result.accuracy : result.loss;
}

void print_json(const EvaluateOptions& o, const data::ImageSet& set, const std::vector<std::string>& metrics,
                const std::vector<Row>& rows, const std::string& note) {
  ordered_json out;
  out["checkpoint"] = o.checkpoint;
  out["data"] = o.data.path;
  out["set"] = set.name;
  out["split"] = o.split;
  out["count"] = set.count();
  out["batch_size"] = o.batch_size;
  if (!note.empty()) out["note"] = note;
  // The first row (running statistics unless --batch-norm batch) is the model's figure; all rows follow by
  // name.
  for (const std::string& metric : metrics) out[metric] = value_of(rows.front().result, metric);
  for (const Row& row : rows)
    for (const std::string& metric : metrics) out[row.statistics][metric] = value_of(row.result, metric);
  fmt::print("{}\n", out.dump(2, ' ', false, ordered_json::error_handler_t::replace));
}

void print_table(const EvaluateOptions& o, const data::ImageSet& set, const std::vector<std::string>& metrics,
                 const std::vector<Row>& rows) {
  fmt::print("{} {} ({}): {} images\n{:<38}", set.name, o.split, o.data.path, set.count(),
             "batch-norm statistics");
  for (const std::string& metric : metrics) fmt::print("{:>12}", metric);
  fmt::print("\n");
  for (const Row& row : rows) {
    const bool batch = row.statistics == "batch";
    fmt::print("{:<38}",
               batch ? fmt::format("batch (of {} images, in file order)", o.batch_size) : "running");
    for (const std::string& metric : metrics)
      fmt::print("{:>12}", metric == "accuracy" ? fmt::format("{:.2f} %", 100 * row.result.accuracy)
                                                : fmt::format("{:.4f}", row.result.loss));
    fmt::print("\n");
  }
}

void check_classes(const InputImages& images, const StoredModel& model, const std::string& path) {
  const int classes = model.network_config().num_classes;
  if (classes == 0)
    fail_input("{}: the model has no class head; accuracy and loss need one", model.reader.path().string());
  const data::ImageSet& set = images.set();
  if (set.name != "images" && set.num_classes != classes)
    fail_input("{}: {} has {} classes, the model has {}", path, set.name, set.num_classes, classes);
  images.require_labels(classes, "evaluation");
}

int run_evaluate(EvaluateOptions& o) {
  const std::vector<std::string> metrics = parse_metrics(o.metrics);
  require_range("--batch-size", static_cast<double>(o.batch_size), 1, kMaxBatch);
  Runtime runtime(o.runtime);
  StoredModel model(o.checkpoint, runtime);
  o.data.option = "--data";
  o.data.split = data::parse_split(o.split);
  const InputImages images(o.data, model.network_config());
  check_classes(images, model, o.data.path);
  const std::string note = model.head_note();
  if (!note.empty()) fmt::print(stderr, "note: {}\n", note);
  std::vector<Row> rows;
  for (const std::string statistics : {"running", "batch"}) {
    if (o.batch_norm && *o.batch_norm != statistics) continue;
    const metrics::ClassificationOptions options{runtime.dtype, statistics == "batch", o.batch_size};
    rows.push_back({statistics, classify(runtime, model, images, options)});
  }
  if (o.json)
    print_json(o, images.set(), metrics, rows, note);
  else
    print_table(o, images.set(), metrics, rows);
  return 0;
}

}  // namespace

CommandRunner add_evaluate(CLI::App& command) {
  auto o = std::make_shared<EvaluateOptions>();
  Options options(command);
  options.required("--checkpoint", "FILE", o->checkpoint, "checkpoint of the model");
  options.required("--data", "DIR|FILE", o->data.path,
                   "folder or archive of a data set, or images file (.h5) with labels");
  options.with_default(
      "--metrics", "LIST", o->metrics,
      "comma-separated: accuracy (0 ... 1 in JSON, percent in the table), loss (mean cross-entropy, nats)");
  add_set_option(options, o->data.set);
  add_split_option(options, o->split);
  options.choice("--batch-norm", o->batch_norm, {"batch", "running"},
                 "statistics: of each batch by itself, in file order, or the stored ones",
                 "both, one row each");
  options.with_default("--batch-size", "B", o->batch_size,
                       "images at a time, normalised together with batch statistics");
  options.flag("--json", o->json, "print one JSON object instead of a table");
  add_runtime_options(options, o->runtime);
  return [o] { return run_evaluate(*o); };
}

}  // namespace mebm::tools

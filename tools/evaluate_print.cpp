// evaluate: its findings as tables and as JSON.

#include <nlohmann/json.hpp>

#include "tools/evaluate.h"

namespace mebm::tools {

using nlohmann::ordered_json;

namespace {

double value_of(const ClassificationRow& row, const std::string& metric) {
  if (metric == "ece") return row.calibration->error;
  return metric == "accuracy" ? row.result.accuracy : row.result.loss;
}

std::vector<std::string> asked_of(const EvaluateOptions& o) {
  std::vector<std::string> metrics;
  for (const std::string& metric : o.asked)
    if (metric == "accuracy" || metric == "loss" || metric == "ece") metrics.push_back(metric);
  return metrics;
}

ordered_json json_of(const metrics::Calibration& calibration) {
  ordered_json out;
  out["largest_error"] = calibration.largest_error;
  out["bins"] = ordered_json::array();
  for (const metrics::ReliabilityBin& bin : calibration.bins)
    out["bins"].push_back({{"count", bin.count}, {"confidence", bin.confidence}, {"accuracy", bin.accuracy}});
  return out;
}

ordered_json json_of(const metrics::MeanDeviation& figure) {
  return {{"mean", figure.mean}, {"deviation", figure.deviation}};
}

ordered_json json_of(const DistanceRow& row, const EvaluateOptions& o) {
  ordered_json out;
  out["samples"] = row.source;
  out["made"] = row.made;
  out["count"] = row.count;
  if (row.steps) out["steps"] = *row.steps;
  out["filter"] = row.filter;
  out["rounding"] = row.rounding;
  out["extractor"] = row.extractor;
  out["extractor_sha256"] = row.digest;
  if (row.inception) out["protocol"] = o.protocol;
  if (!row.reference.empty()) out["reference"] = row.reference;
  if (!row.neighbours_reference.empty()) out["neighbours_reference"] = row.neighbours_reference;
  if (row.frechet) out[row.frechet_name()] = *row.frechet;
  if (row.inception_score) out["is"] = json_of(*row.inception_score);
  if (row.kernel) out["kid"] = json_of(*row.kernel);
  if (row.manifold) {
    out["precision"] = row.manifold->precision;
    out["recall"] = row.manifold->recall;
  }
  if (!row.predicted.empty()) out["predicted_classes"] = row.predicted;
  return out;
}

ordered_json json_of(const SeparationRow& row) {
  return {{"score", row.score},
          {"out", row.out},
          {"out_count", row.out_count},
          {"auroc", row.separation.auroc},
          {"aupr_in", row.separation.aupr_in},
          {"aupr_out", row.separation.aupr_out},
          {"fpr_at_95", row.separation.fpr_at_95}};
}

void print_json(const EvaluateOptions& o, const Evaluation& e) {
  ordered_json out;
  out["checkpoint"] = o.checkpoint;
  out["data"] = o.data.path;
  out["set"] = e.set;
  out["split"] = o.split;
  out["count"] = e.count;
  out["batch_size"] = o.batch_size;
  if (!e.note.empty()) out["note"] = e.note;
  // The first row (running statistics unless --batch-norm says otherwise) is the model's figure; all rows
  // follow by name.
  if (!e.rows.empty())
    for (const std::string& metric : asked_of(o)) out[metric] = value_of(e.rows.front(), metric);
  for (const ClassificationRow& row : e.rows) {
    for (const std::string& metric : asked_of(o)) out[row.statistics][metric] = value_of(row, metric);
    if (row.calibration) out[row.statistics]["reliability"] = json_of(*row.calibration);
    if (row.statistics == "recalibrated") out[row.statistics]["statistics"] = e.recalibration;
  }
  if (o.wants_distances()) out["distances"] = ordered_json::array();
  for (const DistanceRow& row : e.distances) out["distances"].push_back(json_of(row, o));
  if (o.wants("ood"))
    out["ood"] = {{"in", o.data.path},
                  {"in_count", e.count},
                  {"scores", "log p(x) = -E(x) up to a constant, max p(y|x), -|dE/dx|; running statistics"},
                  {"rows", ordered_json::array()}};
  for (const SeparationRow& row : e.separations) out["ood"]["rows"].push_back(json_of(row));
  if (!e.warnings.empty()) out["warnings"] = e.warnings;
  fmt::print("{}\n", out.dump(2, ' ', false, ordered_json::error_handler_t::replace));
}

std::string cell_of(const ClassificationRow& row, const std::string& metric) {
  const double value = value_of(row, metric);
  return metric == "loss" ? fmt::format("{:.4f}", value) : fmt::format("{:.2f} %", 100 * value);
}

void print_rows(const EvaluateOptions& o, const Evaluation& e) {
  fmt::print("{:<38}", "batch-norm statistics");
  for (const std::string& metric : asked_of(o)) fmt::print("{:>12}", metric);
  fmt::print("\n");
  for (const ClassificationRow& row : e.rows) {
    fmt::print("{:<38}", row.statistics == "batch"
                             ? fmt::format("batch (of {} images, in file order)", o.batch_size)
                             : row.statistics);
    for (const std::string& metric : asked_of(o)) fmt::print("{:>12}", cell_of(row, metric));
    fmt::print("\n");
  }
  if (!e.recalibration.empty()) fmt::print("recalibrated: {}\n", e.recalibration);
}

void print_distance(const DistanceRow& row) {
  fmt::print("\n{}: N = {}{}\n", row.source, row.count, row.steps ? fmt::format(", K = {}", *row.steps) : "");
  if (row.frechet) fmt::print("  {:<18}{:.4f}\n", row.frechet_title(), *row.frechet);
  if (row.inception_score)
    fmt::print("  {:<18}{:.4f} +- {:.4f}\n", "inception score", row.inception_score->mean,
               row.inception_score->deviation);
  if (row.kernel) fmt::print("  {:<18}{:.6f} +- {:.6f}\n", "KID", row.kernel->mean, row.kernel->deviation);
  if (row.manifold)
    fmt::print("  {:<18}{:.4f} / {:.4f}\n", "precision, recall", row.manifold->precision,
               row.manifold->recall);
  if (!row.predicted.empty()) {
    fmt::print("  predicted classes ");
    for (const std::int64_t n : row.predicted)
      fmt::print(" {:.1f} %", 100 * static_cast<double>(n) / static_cast<double>(row.count));
    fmt::print("\n");
  }
  fmt::print("  samples   {}\n  filter    {}\n  rounding  {}\n  network   {}\n  sha256    {}\n", row.made,
             row.filter, row.rounding, row.extractor, row.digest);
  if (!row.reference.empty()) fmt::print("  reference {}\n", row.reference);
  if (!row.neighbours_reference.empty() && row.neighbours_reference != row.reference)
    fmt::print("  reference of KID, precision, recall {}\n", row.neighbours_reference);
}

void print_separations(const Evaluation& e) {
  fmt::print(
      "\nseparation from other images (running statistics), in {} images\n{:<18}{:>10}{:>10}{:>10}{:>10}  "
      "out\n",
      e.count, "score", "AUROC", "AUPR in", "AUPR out", "FPR95");
  for (const SeparationRow& row : e.separations)
    fmt::print("{:<18}{:>10.4f}{:>10.4f}{:>10.4f}{:>10.4f}  {} ({} images)\n", row.score,
               row.separation.auroc, row.separation.aupr_in, row.separation.aupr_out,
               row.separation.fpr_at_95, row.out, row.out_count);
}

}  // namespace

void print_evaluation(const EvaluateOptions& options, const Evaluation& evaluation) {
  if (options.json) {
    print_json(options, evaluation);
    return;
  }
  fmt::print("{} {} ({}): {} images\n", evaluation.set, options.split, options.data.path, evaluation.count);
  if (!evaluation.rows.empty()) print_rows(options, evaluation);
  for (const DistanceRow& row : evaluation.distances) print_distance(row);
  if (!evaluation.separations.empty()) print_separations(evaluation);
}

}  // namespace mebm::tools

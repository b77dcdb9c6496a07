#include "report/charts.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "report/evaluation.h"

namespace mebm::report {

using nlohmann::ordered_json;

namespace {

Chart chart(std::string key, std::string title, std::string unit, std::string note = "") {
  return {.id = key,
          .title = std::move(title),
          .unit = std::move(unit),
          .note = std::move(note),
          .lines = {{key, "", false}}};
}

Chart by_epoch(Chart made, double scale = 1) {
  made.by_epoch = true;
  made.scale = scale;
  return made;
}

Chart logarithmic(Chart made) {
  made.logarithmic = true;
  return made;
}

std::vector<ChartGroup> known_groups() {
  Chart energies{.id = "energies",
                 .title = "Energies of data and chains",
                 .unit = "",
                 .note = "E⁺ of real images, E⁻ of chains; low energy = likely.",
                 .lines = {{"energy_positive", "E⁺ data", false}, {"energy_negative", "E⁻ chains", true}}};
  return {{"Learning",
           {chart("loss", "Loss", ""), energies,
            chart("energy_gap", "Energy gap E⁻ − E⁺", "",
                  "Above 0 the network tells chains from data; below 0 chains lie lower than the data."),
            chart("cross_entropy", "Cross-entropy of labelled images", "nats")},
           ""},
          {"Quality by epoch",
           {by_epoch(chart("validation_accuracy", "Validation accuracy", "%",
                           "On images held out of training; running batch-norm statistics."),
                     100),
            by_epoch(chart("fd_ref", "FD-ref of the chains", "",
                           "Fréchet distance in the features of the project's reference network; no FID.")),
            by_epoch(chart("fid", "FID of the chains", "")),
            by_epoch(chart("inception_score", "Inception score of the chains", "")),
            by_epoch(chart("kid", "KID of the chains", ""))},
           "metrics.jsonl has no validation accuracy, FD-ref or FID."},
          {"Optimisation and speed",
           {logarithmic(chart("gradient_norm", "Norm of the parameters' gradient", "")),
            chart("learning_rate", "Learning rate", ""),
            logarithmic(chart("seconds", "Time of an iteration", "seconds"))},
           ""},
          {"Replay buffer and chains", {}, "metrics.jsonl has no figures of the replay buffer."},
          {"Other figures", {}, ""}};
}

enum Group { kQuality = 1, kChains = 3, kOther = 4 };

// Where a key that no chart names belongs, by its words.
Group group_of(const std::string& key) {
  for (const char* word :
       {"validation_", "fd_", "fid", "kid", "precision", "recall", "accuracy", "inception"})
    if (key.starts_with(word)) return kQuality;
  for (const char* word : {"buffer", "chain", "saturat", "clamp", "pixel", "age"})
    if (key.find(word) != std::string::npos) return kChains;
  return kOther;
}

// "buffer_mean_age" -> "Buffer mean age".
std::string words_of(const std::string& key) {
  std::string words = key;
  std::replace(words.begin(), words.end(), '_', ' ');
  if (!words.empty()) words[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(words[0])));
  return words;
}

bool any_values(std::span<const RunSummary> runs, const Chart& wanted) {
  for (const RunSummary& run : runs)
    for (const ChartLine& line : wanted.lines)
      if (run.metrics.find(line.key) != nullptr) return true;
  return false;
}

ordered_json rounded(double value, int digits) {
  if (!std::isfinite(value)) return nullptr;
  if (value == 0) return 0;
  const double unit = std::pow(10.0, digits - 1 - static_cast<int>(std::floor(std::log10(std::abs(value)))));
  const double result = std::round(value * unit) / unit;
  return std::isfinite(result) ? result : value;
}

ordered_json set_of(const Series& series, const Chart& drawn, const ChartLine& line, std::size_t run,
                    int iterations_per_epoch) {
  constexpr int kDigits = 7;
  const std::int64_t per = series.points_per_bucket();
  ordered_json x = ordered_json::array(), y = x, low = x, high = x;
  for (const SeriesBucket& bucket : series.buckets()) {
    const bool epochs = drawn.by_epoch && iterations_per_epoch > 0;
    // A figure logged with iteration i is of the network after it.
    x.push_back(rounded(epochs ? (bucket.middle_x() + 1) / iterations_per_epoch : bucket.middle_x(), 9));
    const bool finite = bucket.finite > 0;
    y.push_back(finite ? rounded(bucket.mean() * drawn.scale, kDigits) : ordered_json(nullptr));
    if (per == 1) continue;
    low.push_back(finite ? rounded(bucket.minimum * drawn.scale, kDigits) : ordered_json(nullptr));
    high.push_back(finite ? rounded(bucket.maximum * drawn.scale, kDigits) : ordered_json(nullptr));
  }
  ordered_json set{{"run", run}, {"label", line.label}, {"dashed", line.dashed}, {"per", per}, {"x", x},
                   {"y", y}};
  if (per > 1) {
    set["low"] = low;
    set["high"] = high;
  }
  return set;
}

ordered_json chart_json(const Chart& drawn, std::span<const RunSummary> runs) {
  ordered_json sets = ordered_json::array();
  // Over iterations where a run's epochs are not known: one axis cannot be both.
  bool epochs = drawn.by_epoch, positive = true, wide = false;
  for (const RunSummary& run : runs) epochs = epochs && run.facts.iterations_per_epoch > 0;
  for (std::size_t i = 0; i < runs.size(); ++i)
    for (const ChartLine& line : drawn.lines)
      if (const Series* series = runs[i].metrics.find(line.key)) {
        sets.push_back(set_of(*series, drawn, line, i, epochs ? runs[i].facts.iterations_per_epoch : 0));
        positive = positive && series->minimum() > 0;
        wide = wide || series->maximum() > 10 * series->median();
      }
  return {
      {"id", drawn.id},    {"title", drawn.title},     {"unit", drawn.unit},
      {"byEpoch", epochs}, {"marked", drawn.by_epoch}, {"logarithmic", drawn.logarithmic && positive && wide},
      {"sets", sets}};
}

ordered_json incident_iterations(const RunSummary& run) {
  ordered_json iterations = ordered_json::array();
  for (const std::string& line : run.incidents) {
    const ordered_json incident = ordered_json::parse(line, nullptr, false);
    if (incident.is_object() && incident.contains("iteration") && incident["iteration"].is_number())
      iterations.push_back(incident["iteration"]);
  }
  return iterations;
}

}  // namespace

std::vector<ChartGroup> charts_for(std::span<const RunSummary> runs) {
  std::vector<ChartGroup> groups = known_groups();
  std::set<std::string> known{"iteration", "epoch"}, others;
  for (ChartGroup& group : groups) {
    for (const Chart& each : group.charts)
      for (const ChartLine& line : each.lines) known.insert(line.key);
    std::erase_if(group.charts, [&](const Chart& each) { return !any_values(runs, each); });
  }
  for (const RunSummary& run : runs)
    for (const auto& [key, series] : run.metrics.curves)
      if (!known.contains(key) && series.finite() > 0) others.insert(key);
  for (const std::string& key : others) {
    const Group group = group_of(key);
    const Chart made = chart(key, words_of(key), "");
    groups[group].charts.push_back(group == kQuality ? by_epoch(made) : made);
  }
  std::erase_if(groups, [](const ChartGroup& group) { return group.charts.empty() && group.absent.empty(); });
  return groups;
}

std::string chart_data(std::span<const RunSummary> runs, std::span<const ChartGroup> groups) {
  ordered_json data{{"runs", ordered_json::array()},
                    {"charts", ordered_json::array()},
                    {"reliability", ordered_json::array()}};
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const RunSummary& run = runs[i];
    data["runs"].push_back({{"name", run.name},
                            {"iterationsPerEpoch", run.facts.iterations_per_epoch},
                            {"incidents", incident_iterations(run)}});
    for (const Reliability& diagram : find_reliability(run.evaluation)) {
      ordered_json bins = ordered_json::array();
      for (const ReliabilityPoint& bin : diagram.bins)
        bins.push_back({rounded(bin.confidence, 5), rounded(bin.accuracy, 5), bin.count});
      data["reliability"].push_back({{"run", i}, {"label", diagram.label}, {"bins", bins}});
    }
  }
  for (const ChartGroup& group : groups)
    for (const Chart& each : group.charts) data["charts"].push_back(chart_json(each, runs));
  return data.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace mebm::report

// The tables at the top of a report: what the runs are, and the published figures beside theirs.
#include <fmt/format.h>

#include "report/evaluation.h"
#include "report/html.h"
#include "report/page_run.h"
#include "report/progress.h"

namespace mebm::report {

namespace {

constexpr double kPublishedEpoch = 390;  // iterations

std::string cell(const std::string& text) {
  return element("td", text);
}

std::string number(const RunSummary& run, const char* key, const char* unit = "", double scale = 1) {
  const Series* curve = run.metrics.find(key);
  return curve == nullptr ? "–" : fmt::format("{:.4g}{}", scale * curve->last(), unit);
}

std::string iterations(const RunSummary& run) {
  if (run.metrics.last_iteration < 0) return "0";
  const std::string done = fmt::format("{:.0f}", run.metrics.last_iteration + 1);
  const std::int64_t whole = std::int64_t{run.facts.iterations_per_epoch} * run.facts.epochs;
  return whole > 0 ? fmt::format("{} of {}", done, whole) : done;
}

std::string run_name(const RunSummary& run, std::size_t index) {
  return element("a", escape_html(run.name), fmt::format(" href=\"#{}\"", run_anchor(index)));
}

std::string figure_text(double value, const std::string& unit, const std::string& label) {
  return element("div",
                 fmt::format("{:.4g}{} <span class=\"muted\">{}</span>", value, unit, escape_html(label)));
}

// Ours at `key` of evaluation.json; without those, of the last evaluation during training.
std::string our_figures(const RunSummary& run, const char* key, const char* logged, double scale,
                        const std::string& unit) {
  std::string text;
  for (const Figure& figure : figures_of(run.evaluation, key)) {
    const std::string spread = figure.deviation ? fmt::format(" ± {:.2g}", scale * *figure.deviation) : "";
    text += figure_text(scale * figure.value, spread + unit,
                        figure.label.empty() ? "evaluation.json" : figure.label);
  }
  const Series* curve = run.metrics.find(logged);
  if (!text.empty() || curve == nullptr) return text.empty() ? "–" : text;
  const char* what = std::string_view(logged) == "validation_accuracy" ? "validation, " : "";
  return figure_text(scale * curve->last(), unit,
                     fmt::format("{}iteration {:.0f}", what, curve->last_x() + 1));
}

std::string our_minutes(const RunSummary& run) {
  const Series* seconds = run.metrics.find("seconds");
  return seconds == nullptr ? "–" : fmt::format("{:.3g}", seconds->median() * kPublishedEpoch / 60);
}

std::string published_row(const char* name, const std::string& published, const std::string& ours) {
  return element("tr", element("th", name, " scope=\"row\"") + cell(published) + cell(ours));
}

std::string figure_or_dash(double value, const char* unit = "") {
  return value > 0 ? fmt::format("{}{}", value, unit) : "–";
}

std::string published_block(const RunSummary& run, std::size_t index) {
  const PublishedFigures& row = *run.facts.published;
  const std::string head =
      element("tr", "<th></th><th scope=\"col\">published</th><th scope=\"col\">this run</th>");
  const std::string body =
      published_row("Accuracy", figure_or_dash(row.accuracy, " %"),
                    our_figures(run, "accuracy", "validation_accuracy", 100, " %")) +
      published_row("Inception score", figure_or_dash(row.inception_score),
                    our_figures(run, "is", "inception_score", 1, "")) +
      published_row("FID", figure_or_dash(row.fid), our_figures(run, "fid", "fid", 1, "")) +
      published_row("FD-ref (no FID)", "–", our_figures(run, "fd_ref", "fd_ref", 1, "")) +
      published_row("Minutes per 390 iterations", figure_or_dash(row.minutes_per_epoch), our_minutes(run));
  return element("div",
                 element("h3", run_name(run, index)) +
                     element("p", escape_html(row.line), " class=\"muted\"") +
                     element("table", element("thead", head) + element("tbody", body)),
                 " class=\"card\"");
}

}  // namespace

std::string run_anchor(std::size_t index) {
  return fmt::format("r{}", index);
}

std::string summary_table(std::span<const RunSummary> runs) {
  std::string head;
  for (const char* name : {"Run", "Recipe", "State", "Iterations", "Loss", "E⁻ − E⁺", "Cross-entropy",
                           "Validation accuracy", "FD-ref", "Seconds an iteration"})
    head += element("th", name, " scope=\"col\"");
  std::string body;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const RunSummary& run = runs[i];
    const Series* seconds = run.metrics.find("seconds");
    const std::string recipe =
        escape_html(run.facts.recipe.empty() ? "–" : run.facts.recipe) +
        (run.facts.method.empty() ? "" : element("div", escape_html(run.facts.method), " class=\"muted\""));
    body += element(
        "tr",
        element("th", fmt::format("<span class=\"swatch\" data-run=\"{}\"></span>", i) + run_name(run, i),
                " scope=\"row\"") +
            cell(recipe) + cell(escape_html(run.state)) + cell(iterations(run)) + cell(number(run, "loss")) +
            cell(number(run, "energy_gap")) + cell(number(run, "cross_entropy", " nats")) +
            cell(number(run, "validation_accuracy", " %", 100)) + cell(number(run, "fd_ref")) +
            cell(seconds == nullptr ? "–" : fmt::format("{:.3g}", seconds->median())));
  }
  return element("div",
                 element("table", element("thead", element("tr", head)) + element("tbody", body)) +
                     element("p", "The last logged values; the median time.", " class=\"muted\""),
                 " class=\"scroll card summary\"");
}

std::string published_table(std::span<const RunSummary> runs) {
  std::string blocks;
  for (std::size_t i = 0; i < runs.size(); ++i)
    if (runs[i].facts.published) blocks += published_block(runs[i], i);
  return blocks.empty() ? ""
                        : element("section",
                                  element("h2", "Beside the published figures") +
                                      element("div", blocks, " class=\"columns\""),
                                  " id=\"published\"");
}

}  // namespace mebm::report

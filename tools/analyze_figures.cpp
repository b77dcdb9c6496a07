#include "tools/analyze_figures.h"

#include <algorithm>
#include <cmath>

#include "report/histogram.h"
#include "report/rows.h"
#include "report/scatter.h"

namespace mebm::tools {

namespace {

constexpr int kHistogramBins = 50, kClassBins = 40;
constexpr double kClippedShare = 0.02;

// One array over x+, x0 and x-.
template <typename T, typename Member>
std::vector<T> all_kinds(const AnalyzedModel& model, Member member) {
  std::vector<T> all;
  for (const AnalyzedImages& images : model.kinds)
    all.insert(all.end(), (images.*member).begin(), (images.*member).end());
  return all;
}

std::vector<int> kinds_of(const AnalyzedModel& model) {
  std::vector<int> kinds;
  for (int kind = 0; kind < kKinds; ++kind)
    kinds.insert(kinds.end(), model.kinds[static_cast<std::size_t>(kind)].energies.size(), kind);
  return kinds;
}

std::vector<std::string> class_names(const AnalyzedModel& model) {
  std::vector<std::string> names;
  for (int c = 0; c < model.num_classes; ++c) names.push_back(fmt::format("class {}", c));
  return names;
}

report::ScatterPlot embedding_plot(const Analysis& analysis, const std::string& what) {
  report::ScatterPlot plot;
  plot.labels = {fmt::format("{}: t-SNE{}", analysis.model.name, what), "t-SNE 1", "t-SNE 2"};
  const std::vector<double>& embedding = analysis.embedding->embedding;
  for (std::size_t i = 0; i < embedding.size() / 2; ++i) {
    plot.x.push_back(embedding[2 * i]);
    plot.y.push_back(embedding[2 * i + 1]);
  }
  return plot;
}

void mark_kinds(report::ScatterPlot& plot, const AnalyzedModel& model) {
  plot.markers = kinds_of(model);
  plot.marker_names.assign(kKindNames.begin(), kKindNames.end());
}

report::Image draw_tsne(const Analysis& analysis) {
  report::ScatterPlot plot = embedding_plot(analysis, "");
  plot.categories = kinds_of(analysis.model);
  plot.category_names.assign(kKindNames.begin(), kKindNames.end());
  return report::draw_scatter(plot);
}

report::Image draw_tsne_class(const Analysis& analysis) {
  report::ScatterPlot plot = embedding_plot(analysis, ", by class");
  plot.categories = all_kinds<int>(analysis.model, &AnalyzedImages::classes);
  plot.category_names = class_names(analysis.model);
  mark_kinds(plot, analysis.model);
  return report::draw_scatter(plot);
}

// Outliers are painted like the quantile next to them, so that the rest of the scale is seen.
void clip_to_quantiles(std::vector<double>& values) {
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  const auto cut = static_cast<std::size_t>(kClippedShare * static_cast<double>(sorted.size()));
  for (double& value : values) value = std::clamp(value, sorted[cut], sorted[sorted.size() - 1 - cut]);
}

report::Image draw_tsne_energy(const Analysis& analysis) {
  report::ScatterPlot plot = embedding_plot(analysis, ", by energy");
  plot.values = all_kinds<double>(analysis.model, &AnalyzedImages::energies);
  clip_to_quantiles(plot.values);
  plot.value_label = "energy E, outer 2 % clipped";
  mark_kinds(plot, analysis.model);
  return report::draw_scatter(plot);
}

std::vector<double> negated(std::vector<double> values) {
  for (double& value : values) value = -value;
  return values;
}

report::Image draw_log_p(const Analysis& analysis) {
  report::Histogram histogram;
  histogram.labels = {analysis.model.name, "log p(x) = -E(x), unnormalised", "share of images"};
  histogram.bins = kHistogramBins;
  for (std::size_t kind = 0; kind < kKinds; ++kind)
    histogram.series.push_back({kKindNames[kind], negated(analysis.model.kinds[kind].energies)});
  return report::draw_histogram(histogram);
}

report::Image draw_energies(const Analysis& analysis) {
  report::Histogram histogram;
  histogram.labels = {analysis.model.name, "energy E(x)", "share of images"};
  histogram.bins = kHistogramBins;
  for (std::size_t kind = 0; kind < kKinds; ++kind)
    histogram.series.push_back({kKindNames[kind], analysis.model.kinds[kind].energies});
  return report::draw_histogram(histogram);
}

report::Image draw_log_p_class(const Analysis& analysis) {
  const AnalyzedModel& model = analysis.model;
  std::vector<report::Image> panels;
  for (const Kind kind : {data_images, chain_ends}) {
    const AnalyzedImages& images = model.kinds[kind];
    report::Histogram histogram;
    histogram.labels = {fmt::format("{}: {} by {} class", model.name, kKindNames[kind],
                                    kind == data_images && model.labelled ? "labelled" : "predicted"),
                        "log p(x) = -E(x), unnormalised", ""};
    histogram.bins = kClassBins;
    for (int c = 0; c < model.num_classes; ++c) {
      report::HistogramSeries series{fmt::format("class {}", c), {}};
      for (std::size_t i = 0; i < images.classes.size(); ++i)
        if (images.classes[i] == c) series.values.push_back(-images.energies[i]);
      histogram.series.push_back(std::move(series));
    }
    panels.push_back(report::draw_histogram_rows(histogram));
  }
  return report::beside(panels);
}

constexpr FigureKind kFigures[] = {
    {"tsne", false, true, draw_tsne},
    {"tsne-class", true, true, draw_tsne_class},
    {"tsne-energy", false, true, draw_tsne_energy},
    {"log-p", false, false, draw_log_p},
    {"log-p-class", true, false, draw_log_p_class},
    {"energies", false, false, draw_energies},
    {"extremes-p", true, false, draw_extreme_energies},
    {"extremes-confidence", true, false, draw_extreme_confidences},
    {"centres", true, false, draw_centres},
};

}  // namespace

std::span<const FigureKind> all_figures() {
  return kFigures;
}

std::string known_figures() {
  std::string names;
  for (const FigureKind& figure : kFigures) names += (names.empty() ? "" : ", ") + std::string(figure.name);
  return names;
}

}  // namespace mebm::tools

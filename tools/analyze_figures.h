#pragma once
// The figures of `analyze`: each a picture with a panel for every model, and the numbers behind it.

#include <optional>
#include <string>
#include <vector>

#include "metrics/tsne.h"
#include "report/png.h"
#include "tools/analyze_samples.h"

namespace mebm::tools {

// A model's samples and, where a figure wants them, their places in the plane: x+, x0, x- one after another.
struct Analysis {
  AnalyzedModel model;
  std::optional<metrics::TsneResult> embedding;
};

struct FigureKind {
  const char* name;
  bool needs_classes, needs_embedding;
  report::Image (*draw)(const Analysis&);  // one model's panel
};

// Every figure there is.
std::span<const FigureKind> all_figures();

// "tsne, tsne-class, ..."
std::string known_figures();

// Images of `kind` of class `c` (all of them for c < 0), the lowest key first; equal keys in order.
std::vector<std::size_t> ranked(const AnalyzedImages& images, int c, const std::vector<double>& key);

// analyze_grids.cpp
report::Image draw_extreme_energies(const Analysis& analysis);
report::Image draw_extreme_confidences(const Analysis& analysis);
report::Image draw_centres(const Analysis& analysis);

// Centre of the features of x+ of each class [classes,D], and every image's distance to one.
std::vector<double> class_centres(const AnalyzedModel& model);
std::vector<double> distances_to(const AnalyzedModel& model, const AnalyzedImages& images,
                                 std::span<const double> centre);

inline constexpr int kExtremes = 6, kNearest = 5;  // images a row

}  // namespace mebm::tools

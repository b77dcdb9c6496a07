// Figures made of images: the most and the least probable ones, and what classes look like on average.

#include <algorithm>
#include <cmath>
#include <numeric>

#include "report/rows.h"
#include "tools/analyze_figures.h"

namespace mebm::tools {

namespace {

constexpr int kLargeSide = 48;  // images from this size on are not enlarged

report::ImageSize image_size(const AnalyzedModel& model) {
  return {model.shape.channels, model.shape.height, model.shape.width};
}

int scale_of(const AnalyzedModel& model) {
  return model.shape.height >= kLargeSide ? 1 : 2;
}

const float* image(const AnalyzedModel& model, const AnalyzedImages& images, std::size_t row) {
  return images.images.data() + row * static_cast<std::size_t>(model.shape.elements());
}

std::vector<std::string> row_names(const AnalyzedModel& model) {
  std::vector<std::string> names;
  for (int c = 0; c < model.num_classes; ++c) names.push_back(fmt::format("{}", c));
  return names;
}

// The first `columns` images of each class in the order of key.
report::RowBlock ranked_block(const AnalyzedModel& model, const AnalyzedImages& images,
                              const std::string& caption, int columns, const std::vector<double>& key) {
  report::RowBlock block{caption, columns, {}};
  for (int c = 0; c < model.num_classes; ++c) {
    std::vector<std::size_t> order = ranked(images, c, key);
    if (order.size() > static_cast<std::size_t>(columns)) order.resize(static_cast<std::size_t>(columns));
    block.rows.emplace_back();
    for (const std::size_t row : order) block.rows.back().push_back(image(model, images, row));
  }
  return block;
}

std::vector<double> negated(std::vector<double> values) {
  for (double& value : values) value = -value;
  return values;
}

// `what` is higher where `falling` is lower.
report::Image extremes(const AnalyzedModel& model, const std::string& what,
                       std::vector<double> (*falling)(const AnalyzedImages&)) {
  std::vector<report::RowBlock> blocks;
  for (const Kind kind : {data_images, chain_ends}) {
    const AnalyzedImages& images = model.kinds[kind];
    const std::vector<double> key = falling(images);
    blocks.push_back(
        ranked_block(model, images, fmt::format("{} highest {}", kKindNames[kind], what), kExtremes, key));
    blocks.push_back(ranked_block(model, images, fmt::format("{} lowest {}", kKindNames[kind], what),
                                  kExtremes, negated(key)));
  }
  const std::string title =
      fmt::format("{}: by class, x+ {}, x- predicted", model.name, model.labelled ? "labelled" : "predicted");
  return report::with_title(report::make_rows(blocks, row_names(model), image_size(model), scale_of(model)),
                            title);
}

// Mean image of each class, none where no image is of it.
report::RowBlock mean_block(const AnalyzedModel& model, Kind kind, std::vector<std::vector<float>>& means) {
  const AnalyzedImages& images = model.kinds[kind];
  const auto size = static_cast<std::size_t>(model.shape.elements());
  report::RowBlock block{kKindNames[kind], 1, {}};
  for (int c = 0; c < model.num_classes; ++c) {
    std::vector<double> sum(size, 0.0);
    double count = 0;
    for (std::size_t i = 0; i < images.classes.size(); ++i) {
      if (images.classes[i] != c) continue;
      for (std::size_t k = 0; k < size; ++k) sum[k] += static_cast<double>(images.images[i * size + k]);
      ++count;
    }
    block.rows.emplace_back();
    if (count == 0) continue;
    for (double& value : sum) value /= count;
    means.emplace_back(sum.begin(), sum.end());
    block.rows.back().push_back(means.back().data());
  }
  return block;
}

report::RowBlock nearest_block(const AnalyzedModel& model, Kind kind, std::span<const double> centres) {
  const AnalyzedImages& images = model.kinds[kind];
  const auto width = static_cast<std::size_t>(model.dimensions);
  report::RowBlock block{fmt::format("nearest {}", kKindNames[kind]), kNearest, {}};
  for (std::size_t c = 0; c < static_cast<std::size_t>(model.num_classes); ++c) {
    block.rows.emplace_back();
    const std::span<const double> centre = centres.subspan(c * width, width);
    if (!std::isfinite(centre[0])) continue;
    const std::vector<std::size_t> order = ranked(images, -1, distances_to(model, images, centre));
    for (std::size_t k = 0; k < std::min<std::size_t>(kNearest, order.size()); ++k)
      block.rows.back().push_back(image(model, images, order[k]));
  }
  return block;
}

}  // namespace

std::vector<std::size_t> ranked(const AnalyzedImages& images, int c, const std::vector<double>& key) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < key.size(); ++i)
    if (c < 0 || images.classes[i] == c) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return key[a] < key[b]; });
  return order;
}

report::Image draw_extreme_energies(const Analysis& analysis) {
  return extremes(analysis.model, "p(x)", [](const AnalyzedImages& images) { return images.energies; });
}

report::Image draw_extreme_confidences(const Analysis& analysis) {
  return extremes(analysis.model, "p(y|x)",
                  [](const AnalyzedImages& images) { return negated(images.confidences); });
}

std::vector<double> class_centres(const AnalyzedModel& model) {
  const AnalyzedImages& images = model.kinds[data_images];
  const auto width = static_cast<std::size_t>(model.dimensions),
             classes = static_cast<std::size_t>(model.num_classes);
  std::vector<double> centres(classes * width, 0.0), counts(classes, 0.0);
  for (std::size_t i = 0; i < images.classes.size(); ++i) {
    const auto c = static_cast<std::size_t>(images.classes[i]);
    ++counts[c];
    for (std::size_t d = 0; d < width; ++d)
      centres[c * width + d] += static_cast<double>(images.features[i * width + d]);
  }
  // 0 / 0, NaN, marks a class without images.
  for (std::size_t k = 0; k < centres.size(); ++k) centres[k] /= counts[k / width];
  return centres;
}

std::vector<double> distances_to(const AnalyzedModel& model, const AnalyzedImages& images,
                                 std::span<const double> centre) {
  const auto width = static_cast<std::size_t>(model.dimensions);
  std::vector<double> distances;
  for (std::size_t i = 0; i < images.energies.size(); ++i) {
    double sum = 0;
    for (std::size_t d = 0; d < width; ++d) {
      const double difference = static_cast<double>(images.features[i * width + d]) - centre[d];
      sum += difference * difference;
    }
    distances.push_back(std::sqrt(sum));
  }
  return distances;
}

report::Image draw_centres(const Analysis& analysis) {
  const AnalyzedModel& model = analysis.model;
  const std::vector<double> centres = class_centres(model);
  std::vector<std::vector<float>> means[2];
  for (auto& list : means) list.reserve(static_cast<std::size_t>(model.num_classes));
  const report::RowBlock blocks[] = {
      mean_block(model, data_images, means[0]), nearest_block(model, data_images, centres),
      mean_block(model, chain_ends, means[1]), nearest_block(model, chain_ends, centres)};
  return report::with_title(
      report::make_rows(blocks, row_names(model), image_size(model), scale_of(model)),
      fmt::format("{}: class means of images, nearest to the class's centre of x+ features", model.name));
}

}  // namespace mebm::tools

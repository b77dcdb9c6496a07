#pragma once
// evaluate: Fréchet distance, inception score, kernel distance, precision and recall of samples.

#include <optional>
#include <string>
#include <vector>

#include "tools/evaluate_samples.h"
#include "tools/make_extractor.h"

namespace mebm::tools {

class DistanceEvaluator {
 public:
  // Makes networks and reads what is given; InputError for everything that can be known to be wrong before
  // work begins.
  explicit DistanceEvaluator(EvaluateJob& job);
  void evaluate();

 private:
  // A network and the reference set through it.
  struct View {
    Extractor extractor;
    bool frechet = false, inception_score = false, neighbours = false;  // neighbours: kid, precision-recall
    metrics::FeatureStatistics statistics;
    std::string reference, neighbours_reference;
    std::optional<metrics::Features> features;
    bool given = false, carried = false;  // statistics of --reference-statistics, of the network's file

    bool needs_reference_images() const { return neighbours || (frechet && !given && !carried); }
  };
  // What is kept of a network's look at images: sums, and rows only where somebody needs them.
  struct Look {
    std::optional<metrics::StatisticsAccumulator> sums;
    metrics::Features rows;
    std::vector<std::int64_t> predicted;  // images by the class the network predicts
  };

  void plan_views();
  void check_sizes(const View& view) const;
  void check_counts(const View& view);
  const data::ImageSet& reference_images();
  std::string reference_name();
  void find_reference(View& view);
  void read_given(View& view);
  bool read_cached(View& view, const std::string& protocol);
  Look look(View& view, const metrics::BytesView& images, const std::string& what, bool sums, bool logits);
  void measure(View& view, const SampleBytes& samples);
  void measure_neighbours(View& view, const metrics::Features& features, DistanceRow& row);
  void warn_small(const std::string& what, std::int64_t count, const View& view);

  EvaluateJob& job_;
  SampleSources samples_;
  std::vector<View> views_;
  std::optional<data::ImageSet> reference_;
};

}  // namespace mebm::tools

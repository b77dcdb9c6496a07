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
    std::string reference;
    std::optional<metrics::Features> features;
  };

  void plan_views();
  void check_sizes(const View& view) const;
  const data::ImageSet& reference_images();
  std::string reference_name();
  void find_reference(View& view);
  bool read_given(View& view);
  bool read_cached(View& view, const std::string& protocol);
  metrics::Features extract(View& view, const metrics::BytesView& images, const std::string& what);
  void measure(View& view, const SampleBytes& samples);
  void measure_neighbours(View& view, const metrics::Features& features, DistanceRow& row);
  void warn_small(const std::string& what, std::int64_t count, const View& view);

  EvaluateJob& job_;
  SampleSources samples_;
  std::vector<View> views_;
  std::optional<data::ImageSet> reference_;
};

}  // namespace mebm::tools

#pragma once
// Which network images are looked at through: the reference network of the data set, a user's classifier, or
// Inception.

#include <memory>
#include <string>

#include "metrics/feature_extractor.h"
#include "metrics/feature_statistics.h"
#include "tools/evaluate.h"

namespace mebm::tools {

struct Extractor {
  std::unique_ptr<metrics::FeatureExtractor> network;
  bool inception = false;
  // Of the training images the network was made for, where the program carries them; else count is 0.
  std::string training_set;
  metrics::FeatureStatistics training;
};

// --features, else the reference network of the data set `set`. InputError where there is none, and for a
// file that is no classifier.
Extractor make_classifier_extractor(const EvaluateOptions& options, const std::string& set,
                                    const Runtime& runtime);
// --inception, else the file that the environment's MEBM_INCEPTION names. InputError, with the file to get
// and the alternative, where neither is given.
Extractor make_inception_extractor(const EvaluateOptions& options, const Runtime& runtime);
// Whether one of the two is given.
bool inception_given(const EvaluateOptions& options);

}  // namespace mebm::tools

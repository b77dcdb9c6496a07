#pragma once
// Feature extractors from checkpoints: a user's classifier, and the networks the program carries.

#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

#include "metrics/classifier_features.h"
#include "metrics/feature_statistics.h"

namespace mebm::ebm {

// The classifier of a checkpoint. InputError for everything wrong with the file, and where the model has no
// class head.
std::unique_ptr<metrics::ClassifierFeatures> read_classifier(const std::filesystem::path& path,
                                                             engine::Device device, int threads);

// A network the program carries (metrics/reference_networks.h) and the statistics of its features over the
// official training images.
struct ReferenceClassifier {
  std::unique_ptr<metrics::ClassifierFeatures> extractor;
  metrics::FeatureStatistics training;
};
// InputError naming the known ones where there is none for the set.
ReferenceClassifier reference_classifier(std::string_view set, engine::Device device, int threads);

// How statistics of such features say what they are of: extractor, digest, reference set.
std::string statistics_protocol(const metrics::FeatureExtractor& extractor, std::string_view reference_set);

}  // namespace mebm::ebm

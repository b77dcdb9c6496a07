#include "metrics/feature_checks.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/core/error.h"

namespace mebm::metrics {
namespace {

void check_array(const std::vector<float>& values, std::int64_t count, int width, const char* which,
                 const char* what) {
  engine::require(count >= 0 && width >= 1 && static_cast<std::int64_t>(values.size()) == count * width,
                  "{} {}s are no {} rows of {}", values.size(), what, count, width);
  const auto bad = std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
  if (bad != values.end())
    engine::fail_input("{} image {}: {} {} is {}", which, (bad - values.begin()) / width, what,
                       (bad - values.begin()) % width, *bad);
}

}  // namespace

void check_features(const Features& features, const char* which) {
  check_array(features.features, features.count, features.dimensions, which, "feature");
}

void check_pair(const Features& generated, const Features& real) {
  if (generated.dimensions != real.dimensions)
    engine::fail_input("generated images have {} features, real ones {}: both are of one network's",
                       generated.dimensions, real.dimensions);
  check_features(generated, "generated");
  check_features(real, "real");
}

void check_logits(const Features& features) {
  check_array(features.logits, features.count, features.classes, "generated", "logit");
}

}  // namespace mebm::metrics

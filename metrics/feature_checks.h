#pragma once
// What every distance asks of the features it is given.

#include "metrics/feature_extractor.h"

namespace mebm::metrics {

// InputError naming `which` ("generated", "real") where a feature is not finite; Error where the array is not
// count x dimensions.
void check_features(const Features& features, const char* which);
// Both sides, and that they are of equally many features.
void check_pair(const Features& generated, const Features& real);
// InputError where a logit is not finite; Error where the array is not count x classes.
void check_logits(const Features& features);

}  // namespace mebm::metrics

#include "tools/make_extractor.h"

#include <cstdlib>
#include <filesystem>

#include "ebm/classifier_checkpoint.h"
#include "engine/core/error.h"
#include "metrics/inception_features.h"
#include "metrics/reference_networks.h"

namespace mebm::tools {

using engine::fail_input;

namespace {

constexpr const char* kInceptionVariable = "MEBM_INCEPTION";

std::string inception_file(const EvaluateOptions& options) {
  if (options.inception) return *options.inception;
  const char* variable = std::getenv(kInceptionVariable);
  return variable == nullptr ? "" : variable;
}

}  // namespace

bool inception_given(const EvaluateOptions& options) {
  return !inception_file(options).empty();
}

Extractor make_classifier_extractor(const EvaluateOptions& options, const std::string& set,
                                    const Runtime& runtime) {
  Extractor extractor;
  const std::string wanted = options.features.value_or(set);
  if (metrics::find_reference_network(wanted) != nullptr) {
    ebm::ReferenceClassifier reference =
        ebm::reference_classifier(wanted, runtime.context.device(), runtime.context.threads());
    extractor.network = std::move(reference.extractor);
    extractor.training = std::move(reference.training);
    extractor.training_set = wanted;
    return extractor;
  }
  if (!options.features)
    fail_input(
        "--data {}: there is no reference network for '{}'; give --features {} or a classifier's "
        "checkpoint",
        options.data.path, set, metrics::known_reference_networks());
  if (std::error_code error; !std::filesystem::exists(*options.features, error))
    fail_input("--features {}: no such file; give a checkpoint of a classifier, or one of {}",
               *options.features, metrics::known_reference_networks());
  extractor.network =
      ebm::read_classifier(*options.features, runtime.context.device(), runtime.context.threads());
  return extractor;
}

Extractor make_inception_extractor(const EvaluateOptions& options, const Runtime& runtime) {
  const std::string file = inception_file(options);
  if (file.empty())
    fail_input(
        "--metrics fid, is: need the Inception weights {} (SHA-256 {}...), converted by "
        "scripts/convert_inception.py and named by --inception or {}; without them use --metrics fd-ref",
        metrics::kInceptionFiles[0], metrics::kInceptionHash, kInceptionVariable);
  Extractor extractor;
  extractor.inception = true;
  metrics::InceptionOptions inception;
  inception.protocol = metrics::parse_inception_protocol(options.protocol);
  // On the CPU even where the model is on a GPU: there are no kernels for it there (docs/evaluation.md).
  extractor.network = metrics::open_inception(file, runtime.context.threads(), inception);
  return extractor;
}

}  // namespace mebm::tools

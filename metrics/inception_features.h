#pragma once
// The Inception network of 2015 as a feature extractor: what FID, inception score, KID and precision/recall
// are defined by. Its weights are a file of the user's, made by scripts/convert_inception.py.

#include <filesystem>
#include <memory>
#include <string>

#include "metrics/feature_extractor.h"
#include "metrics/inception_input.h"
#include "models/inception_v3.h"

namespace mebm::metrics {

// The two published files with these weights; both have SHA-256 6726825d..., in the file's name as well.
constexpr const char* kInceptionFiles[] = {"pt_inception-2015-12-05-6726825d.pth",
                                           "weights-inception-2015-12-05-6726825d.pth"};
constexpr const char* kInceptionHash = "6726825d";

struct InceptionOptions {
  InceptionProtocol protocol = InceptionProtocol::torch_fidelity;
  int batch_size = 50;  // images at a time; bounds the memory, changes no result
};

class InceptionFeatures final : public FeatureExtractor {
 public:
  // `origin` says whose weights these are, in a few words; `digest` and `published` as the functions give
  // them. The context must outlive this. Error on a device context, InputError for a batch size below 1.
  InceptionFeatures(engine::Context& context, const models::ParameterSource& weights, std::string origin,
                    std::string digest, bool published, const InceptionOptions& options);

  std::string name() const override;
  bool published() const override { return published_; }
  std::string digest() const override { return digest_; }
  int dimensions() const override { return models::InceptionV3::kFeatures; }
  int classes() const override { return models::InceptionV3::kClasses; }
  // Takes 1 or 3 channels and any size of 1 to 8192 pixels a side; logits are without the bias.
  Features extract(const BytesView& images) override;

 private:
  engine::Context& context_;
  InceptionOptions options_;
  models::InceptionV3 network_;
  std::string origin_, digest_;
  bool published_;
};

// Opens a file of scripts/convert_inception.py: root attributes format = "mebm-inception", version = 1,
// source, source_sha256, and float32 datasets named as the published state dict. InputError naming file,
// dataset and what is expected where it is missing, something else, or incomplete; Error on a device context,
// which has no kernels for this network. The context must outlive the extractor.
std::unique_ptr<FeatureExtractor> open_inception(const std::filesystem::path& path, engine::Context& context,
                                                 const InceptionOptions& options = {});
// The same on so many threads of the CPU, in a context of its own, whatever the rest of the run uses.
std::unique_ptr<FeatureExtractor> open_inception(const std::filesystem::path& path, int threads,
                                                 const InceptionOptions& options = {});

}  // namespace mebm::metrics

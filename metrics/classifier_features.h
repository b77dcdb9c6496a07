#pragma once
// Features of a WideResNet classifier: what distances are measured in where the Inception network is not at
// hand.

#include <string>

#include "autograd/tape.h"
#include "metrics/feature_extractor.h"
#include "models/wide_resnet.h"

namespace mebm::metrics {

// Bytes v become v / 127.5 - 1; running statistics; features are the penultimate layer's (after the average
// over pixels), logits the class head's, bias included. Computed in fp32 with direct convolutions in a
// context of its own, so that the figures are the same whatever precision and convolutions a run has, and
// nothing of the run is touched.
class ClassifierFeatures final : public FeatureExtractor {
 public:
  // A network without values: whoever makes it loads them into network(). `label` says whose classifier it
  // is; `digest` is the SHA-256 of the file its weights come from. InputError where it has no class head.
  ClassifierFeatures(engine::Device device, int threads, const models::WideResNetConfig& config,
                     std::string label, std::string digest);

  models::WideResNet& network() { return network_; }

  std::string name() const override;
  std::string digest() const override { return digest_; }
  int dimensions() const override { return network_.config().feature_count(); }
  int classes() const override { return network_.config().num_classes; }
  // InputError naming both shapes for images the network does not take, and index and value of a feature or
  // logit that is not finite.
  Features extract(const BytesView& images) override;

 private:
  void append(const BytesView& batch, Features& features);

  std::string label_, digest_;
  engine::Context context_;
  autograd::Tape tape_;
  models::WideResNet network_;
};

}  // namespace mebm::metrics

#include "ebm/classifier_checkpoint.h"

#include <fstream>

#include "ebm/checkpoint.h"
#include "ebm/checkpoint_keys.h"
#include "engine/core/error.h"
#include "engine/io/sha256.h"
#include "metrics/reference_networks.h"

namespace mebm::ebm {

namespace {

std::string file_digest(const std::filesystem::path& path) {
  constexpr std::size_t kPieceBytes = std::size_t{1} << 20;
  std::ifstream in(path, std::ios::binary);
  engine::Sha256 hash;
  std::vector<char> piece(kPieceBytes);
  while (in) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    hash.update(std::as_bytes(std::span(piece).first(static_cast<std::size_t>(in.gcount()))));
  }
  if (in.bad()) engine::fail_input("{}: cannot be read", path.string());
  return engine::to_hex(hash.finish());
}

std::unique_ptr<metrics::ClassifierFeatures> load(const CheckpointReader& reader, engine::Device device,
                                                  int threads, const std::string& label,
                                                  const std::string& digest) {
  const ModelDescription description = reader.model();
  auto extractor =
      std::make_unique<metrics::ClassifierFeatures>(device, threads, description.network, label, digest);
  reader.load_model(extractor->network());
  return extractor;
}

// What scripts/make_reference_network.sh adds to the checkpoint.
metrics::FeatureStatistics read_statistics(const engine::Hdf5Reader& reader, int dimensions) {
  const std::string group = "/feature_statistics";
  metrics::FeatureStatistics statistics;
  statistics.count = reader.attribute_int(group, "count");
  statistics.mean = reader.read<double>(group + "/mean", {dimensions});
  statistics.covariance = reader.read<double>(group + "/covariance", {dimensions, dimensions});
  return statistics;
}

}  // namespace

std::unique_ptr<metrics::ClassifierFeatures> read_classifier(const std::filesystem::path& path,
                                                             engine::Device device, int threads) {
  const CheckpointReader reader(path);
  return load(reader, device, threads, path.string(), file_digest(path));
}

ReferenceClassifier reference_classifier(std::string_view set, engine::Device device, int threads) {
  const metrics::ReferenceNetwork* network = metrics::find_reference_network(set);
  if (network == nullptr)
    engine::fail_input("there is no reference network for '{}'; known: {}", set,
                       metrics::known_reference_networks());
  const std::string label = fmt::format("reference network {}", set);
  const CheckpointReader reader(network->checkpoint, label);
  ReferenceClassifier reference;
  reference.extractor = load(reader, device, threads, label, std::string(network->digest));
  reference.training =
      read_statistics(engine::Hdf5Reader(network->checkpoint, label), reference.extractor->dimensions());
  reference.training.protocol = statistics_protocol(
      *reference.extractor, fmt::format("{} train, {} images", set, reference.training.count));
  return reference;
}

std::string statistics_protocol(const metrics::FeatureExtractor& extractor, std::string_view reference_set) {
  return fmt::format("{}; sha256 {}; {}", extractor.name(), extractor.digest(), reference_set);
}

}  // namespace mebm::ebm

#include "tools/evaluate_distances.h"

#include <algorithm>
#include <filesystem>

#include "data/datasets.h"
#include "ebm/classifier_checkpoint.h"
#include "engine/core/error.h"
#include "engine/io/sha256.h"
#include "tools/count_progress.h"

namespace mebm::tools {

using engine::fail_input;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kPieceImages = 512;  // between two looks at the progress

std::string sha256_hex(std::span<const std::uint8_t> bytes) {
  return engine::to_hex(engine::sha256(std::as_bytes(bytes)));
}

// A file's name for a protocol, which the file itself states in full.
std::string cache_name(const std::string& protocol) {
  return "reference-" +
         engine::to_hex(engine::sha256(std::as_bytes(std::span(protocol.data(), protocol.size()))))
             .substr(0, 16);
}

void append(const metrics::Features& part, metrics::Features& to) {
  to.count += part.count;
  to.dimensions = part.dimensions;
  to.classes = part.classes;
  to.features.insert(to.features.end(), part.features.begin(), part.features.end());
  to.logits.insert(to.logits.end(), part.logits.begin(), part.logits.end());
}

std::vector<std::int64_t> count_predicted(const metrics::Features& features) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(features.classes));
  for (std::int64_t n = 0; n < features.count; ++n) {
    const float* row = features.logits.data() + n * features.classes;
    ++counts[static_cast<std::size_t>(std::max_element(row, row + features.classes) - row)];
  }
  return counts;
}

}  // namespace

DistanceEvaluator::DistanceEvaluator(EvaluateJob& job) : job_(job), samples_(job) {
  plan_views();
  if (job.options.cache) {
    std::error_code error;
    fs::create_directories(*job.options.cache, error);
    if (!fs::is_directory(*job.options.cache))
      fail_input("--cache {}: is no folder and cannot be made", *job.options.cache);
  }
  for (const View& view : views_) check_sizes(view);
  for (View& view : views_) read_given(view);
}

// The Inception network for fid and is, a classifier for fd-ref; kid and precision-recall by both, or by the
// one there is.
void DistanceEvaluator::plan_views() {
  const EvaluateOptions& o = job_.options;
  const bool neighbours = o.wants("kid") || o.wants("precision-recall");
  if (o.wants("fid") || o.wants("is") || (neighbours && inception_given(o))) {
    View view;
    view.extractor = make_inception_extractor(o, job_.runtime);
    view.frechet = o.wants("fid");
    view.inception_score = o.wants("is");
    view.neighbours = neighbours;
    views_.push_back(std::move(view));
  }
  if (o.wants("fd-ref") || (neighbours && views_.empty())) {
    View view;
    view.extractor = make_classifier_extractor(o, job_.images.set().name, job_.runtime);
    view.frechet = o.wants("fd-ref");
    view.neighbours = neighbours;
    views_.push_back(std::move(view));
  }
}

// One black image through the network tells whether the model's images fit it.
void DistanceEvaluator::check_sizes(const View& view) const {
  const ebm::ImageShape shape = job_.model.image_shape();
  const std::vector<std::uint8_t> black(static_cast<std::size_t>(shape.elements()));
  view.extractor.network->extract({black, 1, shape.channels, shape.height, shape.width});
}

const data::ImageSet& DistanceEvaluator::reference_images() {
  if (!reference_) {
    const data::ImageSet& judged = job_.images.set();
    const data::Split split = data::parse_split(job_.options.reference_split);
    if (judged.name == "images" || judged.split == data::split_name(split))
      reference_ = judged;
    else
      reference_ = data::load_dataset(judged.name, job_.options.data.path, split);
    if (reference_->pixels.empty()) reference_->pixels = bytes_of(*reference_);
  }
  return *reference_;
}

std::string DistanceEvaluator::reference_name() {
  const data::ImageSet& images = reference_images();
  return fmt::format("{} {}, {} images, sha256 {}",
                     images.name == "images" ? job_.options.data.path : images.name,
                     images.name == "images" ? "file" : job_.options.reference_split, images.count(),
                     sha256_hex(images.pixels));
}

// --reference-statistics; false where it is not given or the view has no Fréchet distance.
bool DistanceEvaluator::read_given(View& view) {
  const std::optional<std::string>& file = job_.options.reference_statistics;
  if (!file || !view.frechet) return false;
  view.statistics = metrics::read_statistics_npz(*file);
  const metrics::FeatureExtractor& network = *view.extractor.network;
  if (view.statistics.dimensions() != network.dimensions())
    fail_input("--reference-statistics {}: has {} features, {} has {}", *file, view.statistics.dimensions(),
               network.name(), network.dimensions());
  const std::string expected = ebm::statistics_protocol(network, "");
  if (view.statistics.protocol.empty())
    job_.evaluation.warn(
        fmt::format("{}: does not say by which network and protocol it was made; trusted", *file));
  else if (!view.statistics.protocol.starts_with(expected))
    fail_input("--reference-statistics {}: was made by '{}', not by '{}'", *file, view.statistics.protocol,
               expected);
  view.reference = fmt::format("{} ({})", *file,
                               view.statistics.count > 0 ? fmt::format("{} images", view.statistics.count)
                                                         : std::string("count not stated"));
  return true;
}

bool DistanceEvaluator::read_cached(View& view, const std::string& protocol) {
  if (!job_.options.cache) return false;
  const fs::path path = fs::path(*job_.options.cache) / (cache_name(protocol) + ".npz");
  if (!fs::exists(path)) return false;
  view.statistics = metrics::read_statistics_npz(path);
  if (view.statistics.protocol != protocol)
    fail_input("{}: holds statistics of '{}', expected '{}'; remove it", path.string(),
               view.statistics.protocol, protocol);
  if (view.statistics.dimensions() != view.extractor.network->dimensions())
    fail_input("{}: has {} features, expected {}; remove it", path.string(), view.statistics.dimensions(),
               view.extractor.network->dimensions());
  return true;
}

// Statistics, and features where neighbours are asked for, of the reference set.
void DistanceEvaluator::find_reference(View& view) {
  const bool given = !view.reference.empty();
  const Extractor& extractor = view.extractor;
  const bool carried = extractor.training.count > 0 && extractor.training_set == job_.images.set().name &&
                       job_.options.reference_split == "train";
  if (!given && carried) {
    view.statistics = extractor.training;
    view.reference = fmt::format("{} train, the {} official images, statistics of the network's file",
                                 extractor.training_set, extractor.training.count);
  }
  const bool statistics_known = given || carried || !view.frechet;
  if (statistics_known && !view.neighbours) return;
  const std::string name = reference_name(), protocol = ebm::statistics_protocol(*extractor.network, name);
  const bool cached = !statistics_known && read_cached(view, protocol);
  if (view.reference.empty()) view.reference = name;
  if (cached && !view.neighbours) return;
  const data::ImageSet& images = reference_images();
  metrics::Features features =
      extract(view, {images.pixels, images.count(), images.channels, images.height, images.width},
              "reference images");
  if (!statistics_known && !cached) {
    metrics::StatisticsAccumulator accumulator(features.dimensions);
    accumulator.add(features);
    view.statistics = accumulator.finish();
    view.statistics.protocol = protocol;
    if (job_.options.cache)
      metrics::write_statistics_npz(fs::path(*job_.options.cache) / (cache_name(protocol) + ".npz"),
                                    view.statistics);
  }
  if (view.neighbours) view.features = std::move(features);
}

metrics::Features DistanceEvaluator::extract(View& view, const metrics::BytesView& images,
                                             const std::string& what) {
  CountProgress progress(what, images.count);
  metrics::Features all;
  for (std::int64_t first = 0; first < images.count; first += kPieceImages) {
    const std::int64_t n = std::min(kPieceImages, images.count - first);
    append(view.extractor.network->extract(images.part(first, n)), all);
    progress.update(first + n);
  }
  return all;
}

void DistanceEvaluator::warn_small(const std::string& what, std::int64_t count, const View& view) {
  const int dimensions = view.extractor.network->dimensions();
  if (count > 0 && count <= dimensions)
    job_.evaluation.warn(fmt::format(
        "{}: {} images for {} features: the covariance is singular and the Fréchet distance biased upwards "
        "(the bias falls as 1/N); compare only with figures of the same N",
        what, count, dimensions));
}

void DistanceEvaluator::measure(View& view, const SampleBytes& samples) {
  const metrics::Features features = extract(view, samples.view(), "samples (" + samples.source + ")");
  DistanceRow row;
  row.source = samples.source;
  row.made = samples.made;
  row.filter = samples.filter;
  row.rounding = samples.rounding;
  row.extractor = view.extractor.network->name();
  row.digest = view.extractor.network->digest();
  row.reference = view.reference;
  row.inception = view.extractor.inception;
  row.count = samples.count;
  row.steps = samples.steps;
  if (view.frechet) {
    warn_small(samples.source, samples.count, view);
    metrics::StatisticsAccumulator accumulator(features.dimensions);
    accumulator.add(features);
    row.frechet = metrics::frechet_distance(accumulator.finish(), view.statistics);
  }
  if (view.inception_score) row.inception_score = metrics::inception_score(features);
  if (view.neighbours) measure_neighbours(view, features, row);
  if (!row.inception) row.predicted = count_predicted(features);
  job_.evaluation.distances.push_back(std::move(row));
}

void DistanceEvaluator::measure_neighbours(View& view, const metrics::Features& features, DistanceRow& row) {
  const metrics::KernelDistanceOptions kernel;
  const std::int64_t fewer = std::min(features.count, view.features->count);
  if (job_.options.wants("kid") && fewer < kernel.subset_size)
    job_.evaluation.warn(fmt::format("{}: {} images are fewer than a subset of {}, so kid is left out",
                                     row.source, fewer, kernel.subset_size));
  else if (job_.options.wants("kid"))
    row.kernel = metrics::kernel_distance(features, *view.features, kernel);
  if (job_.options.wants("precision-recall"))
    row.manifold = metrics::precision_recall(features, *view.features);
}

void DistanceEvaluator::evaluate() {
  for (View& view : views_) {
    find_reference(view);
    if (view.frechet && view.statistics.count > 0) warn_small("reference", view.statistics.count, view);
  }
  for (const std::string& name : samples_.names()) {
    const SampleBytes samples = samples_.make(name);
    for (View& view : views_) measure(view, samples);
  }
}

}  // namespace mebm::tools

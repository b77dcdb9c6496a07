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

void append(const std::vector<float>& part, std::vector<float>& to) {
  to.insert(to.end(), part.begin(), part.end());
}

void count_predicted(const metrics::Features& features, std::vector<std::int64_t>& counts) {
  counts.resize(static_cast<std::size_t>(features.classes));
  for (std::int64_t n = 0; n < features.count; ++n) {
    const float* row = features.logits.data() + n * features.classes;
    ++counts[static_cast<std::size_t>(std::max_element(row, row + features.classes) - row)];
  }
}

}  // namespace

DistanceEvaluator::DistanceEvaluator(EvaluateJob& job) : job_(job), samples_(job) {
  plan_views();
  for (View& view : views_) {
    check_sizes(view);
    read_given(view);
    check_counts(view);
  }
  if (!job.options.cache) return;
  std::error_code error;
  fs::create_directories(*job.options.cache, error);
  if (!fs::is_directory(*job.options.cache, error))
    fail_input("--cache {}: is no folder and cannot be made", *job.options.cache);
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
    if (!view.extractor.network->published())
      job_.evaluation.warn(
          "the Inception weights are not the published ones: these figures are no FID, IS or KID to compare");
    view.neighbours = neighbours;
    views_.push_back(std::move(view));
  }
  if (o.wants("fd-ref") || (neighbours && (views_.empty() || o.features))) {
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

// Reads the reference images where they are needed, and finds samples that are too few for a figure.
void DistanceEvaluator::check_counts(const View& view) {
  const bool kid = view.neighbours && job_.options.wants("kid");
  const bool manifold = view.neighbours && job_.options.wants("precision-recall");
  const std::int64_t subset = metrics::KernelDistanceOptions().subset_size;
  const std::int64_t least = view.inception_score ? metrics::InceptionScoreOptions().splits
                             : manifold           ? 4
                                                  : 2;
  std::int64_t reference = subset, kept = 0, most = 0;
  if (view.needs_reference_images()) reference = reference_images().count();
  for (const std::string& name : samples_.names()) {
    const std::int64_t count = samples_.count(name);
    most = std::max(most, count);
    if (count < least)
      fail_input("samples ({}): {} are too few for --metrics {}, which needs {} at least", name, count,
                 job_.options.metrics, least);
  }
  if (view.needs_reference_images() && reference < least)
    fail_input("reference images: {} are too few for --metrics {}, which needs {} at least", reference,
               job_.options.metrics, least);
  if (kid && std::min(most, reference) < subset)
    fail_input("--metrics kid: needs {} images a side; there are {} samples and {} reference images", subset,
               most, reference);
  if (view.neighbours) kept = most + reference;
  const metrics::FeatureExtractor& network = *view.extractor.network;
  const double values = static_cast<double>(kept) * network.dimensions() +
                        (view.inception_score ? static_cast<double>(most) * network.classes() : 0);
  require_memory("features", 4 * values, "judge fewer");
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

// --reference-statistics, else the statistics that the network's file has of the set.
void DistanceEvaluator::read_given(View& view) {
  const std::optional<std::string>& file = job_.options.reference_statistics;
  const Extractor& extractor = view.extractor;
  view.given = file && view.frechet;
  view.carried = !view.given && extractor.training.count > 0 &&
                 extractor.training_set == job_.images.set().name && job_.options.reference_split == "train";
  if (view.carried) {
    view.statistics = extractor.training;
    view.reference = fmt::format("{} train, the {} official images, statistics of the network's file",
                                 extractor.training_set, extractor.training.count);
  }
  if (!view.given) return;
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
  if (!view.needs_reference_images()) return;
  const bool known = view.given || view.carried || !view.frechet;
  const std::string name = reference_name(),
                    protocol = ebm::statistics_protocol(*view.extractor.network, name);
  const bool cached = !known && read_cached(view, protocol);
  if (view.frechet && !known) view.reference = name;
  if (view.neighbours) view.neighbours_reference = name;
  if (cached && !view.neighbours) return;
  const data::ImageSet& images = reference_images();
  const bool sums = !known && !cached;
  Look seen = look(view, {images.pixels, images.count(), images.channels, images.height, images.width},
                   "reference images", sums, false);
  if (sums) {
    view.statistics = seen.sums->finish();
    view.statistics.protocol = protocol;
    if (job_.options.cache)
      metrics::write_statistics_npz(fs::path(*job_.options.cache) / (cache_name(protocol) + ".npz"),
                                    view.statistics);
  }
  if (view.neighbours) view.features = std::move(seen.rows);
}

DistanceEvaluator::Look DistanceEvaluator::look(View& view, const metrics::BytesView& images,
                                                const std::string& what, bool sums, bool logits) {
  metrics::FeatureExtractor& network = *view.extractor.network;
  Look seen;
  seen.rows.count = images.count;
  seen.rows.dimensions = network.dimensions();
  seen.rows.classes = network.classes();
  if (sums) seen.sums.emplace(network.dimensions());
  if (view.neighbours)
    seen.rows.features.reserve(static_cast<std::size_t>(images.count * network.dimensions()));
  if (logits) seen.rows.logits.reserve(static_cast<std::size_t>(images.count * network.classes()));
  CountProgress progress(what, images.count);
  for (std::int64_t first = 0; first < images.count; first += kPieceImages) {
    const std::int64_t n = std::min(kPieceImages, images.count - first);
    const metrics::Features part = network.extract(images.part(first, n));
    if (seen.sums) seen.sums->add(part);
    if (view.neighbours) append(part.features, seen.rows.features);
    if (logits) append(part.logits, seen.rows.logits);
    count_predicted(part, seen.predicted);
    progress.update(first + n);
  }
  return seen;
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
  const Look seen =
      look(view, samples.view(), "samples (" + samples.source + ")", view.frechet, view.inception_score);
  DistanceRow row;
  row.source = samples.source;
  row.made = samples.made;
  row.filter = samples.filter;
  row.rounding = samples.rounding;
  row.extractor = view.extractor.network->name();
  row.digest = view.extractor.network->digest();
  row.reference = view.reference;
  row.inception = view.extractor.inception;
  row.published = view.extractor.network->published();
  row.count = samples.count;
  row.steps = samples.steps;
  if (view.frechet) {
    warn_small(samples.source, samples.count, view);
    row.frechet = metrics::frechet_distance(seen.sums->finish(), view.statistics);
  }
  if (view.inception_score) row.inception_score = metrics::inception_score(seen.rows);
  if (view.neighbours) measure_neighbours(view, seen.rows, row);
  if (!row.inception) row.predicted = seen.predicted;
  job_.evaluation.distances.push_back(std::move(row));
}

void DistanceEvaluator::measure_neighbours(View& view, const metrics::Features& features, DistanceRow& row) {
  row.neighbours_reference = view.neighbours_reference;
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

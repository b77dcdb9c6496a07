#include "metrics/inception_features.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <utility>

#include "engine/core/error.h"
#include "engine/io/checkpoint_file.h"
#include "engine/io/sha256.h"

namespace mebm::metrics {
namespace {

constexpr const char* kFormat = "mebm-inception";
constexpr std::int64_t kVersion = 1;
constexpr const char* kAdvice = "make it with scripts/convert_inception.py";

const InceptionOptions& checked(const InceptionOptions& options) {
  if (options.batch_size < 1)
    engine::fail_input("a batch of {} images for the Inception network, expected 1 or more",
                       options.batch_size);
  return options;
}

std::string file_digest(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  engine::Sha256 hash;
  std::vector<char> piece(std::size_t{1} << 20);
  while (file) {
    file.read(piece.data(), std::ssize(piece));
    hash.update(std::as_bytes(std::span(piece).first(static_cast<std::size_t>(file.gcount()))));
  }
  if (!file.eof()) engine::fail_input("{}: cannot be read", path.string());
  return engine::to_hex(hash.finish());
}

void check_format(const engine::Hdf5Reader& reader) {
  const std::string format = reader.optional_string("/", "format").value_or("none");
  if (format != kFormat)
    engine::fail_input("{}: attribute format is '{}', expected '{}'; {}", reader.file(), format, kFormat,
                       kAdvice);
  const std::int64_t version = reader.attribute_int("/", "version");
  if (version != kVersion)
    engine::fail_input("{}: version {} of the Inception file, this program reads {}; {}", reader.file(),
                       version, kVersion, kAdvice);
}

// Finds what is missing or misshapen before anything of size is read.
void check_parameters(const engine::Hdf5Reader& reader) {
  for (const models::NamedShape& parameter : models::InceptionV3::parameters()) {
    const std::string path = "/" + parameter.name;
    if (!reader.exists(path))
      engine::fail_input("{}: has no '{}'; {}", reader.file(), parameter.name, kAdvice);
    const engine::Hdf5Entry entry = reader.dataset(path);
    engine::Hdf5Shape expected;
    for (int i = 0; i < parameter.shape.rank(); ++i) expected.push_back(parameter.shape[i]);
    if (entry.shape != expected || entry.type != engine::Hdf5Type::f32)
      engine::fail_input("{}: '{}' is {} {}, expected float32 {}", reader.file(), parameter.name,
                         name_of(entry.type), engine::to_string(entry.shape), engine::to_string(expected));
  }
}

std::vector<float> read_parameter(const engine::Hdf5Reader& reader, const models::NamedShape& parameter) {
  std::vector<float> values = reader.read_at_most<float>("/" + parameter.name, parameter.shape.elements());
  const auto bad = std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
  if (bad != values.end())
    engine::fail_input("{}: '{}' is {} at element {}, expected finite weights", reader.file(), parameter.name,
                       *bad, bad - values.begin());
  return values;
}

struct Origin {
  std::string text;
  bool published = false;  // by what the file says of itself
};

Origin origin_of(const engine::Hdf5Reader& reader) {
  const std::string source = reader.attribute_string("/", "source");
  const std::string hash = reader.attribute_string("/", "source_sha256");
  const bool known = hash.size() == 64 && hash.starts_with(kInceptionHash);
  return {
      fmt::format("{}{}, SHA-256 {}", known ? "" : "other weights than the published ones: ", source, hash),
      known};
}

// An extractor and the context it runs in.
class OnItsOwnContext final : public FeatureExtractor {
 public:
  OnItsOwnContext(const std::filesystem::path& path, int threads, const InceptionOptions& options)
      : context_({.threads = threads}), extractor_(open_inception(path, context_, options)) {}

  std::string name() const override { return extractor_->name(); }
  std::string digest() const override { return extractor_->digest(); }
  bool published() const override { return extractor_->published(); }
  int dimensions() const override { return extractor_->dimensions(); }
  int classes() const override { return extractor_->classes(); }
  Features extract(const BytesView& images) override { return extractor_->extract(images); }

 private:
  engine::Context context_;
  std::unique_ptr<FeatureExtractor> extractor_;
};

}  // namespace

InceptionFeatures::InceptionFeatures(engine::Context& context, const models::ParameterSource& weights,
                                     std::string origin, std::string digest, bool published,
                                     const InceptionOptions& options)
    : context_(context),
      options_(checked(options)),
      network_(context, weights),
      origin_(std::move(origin)),
      digest_(std::move(digest)),
      published_(published) {}

std::string InceptionFeatures::name() const {
  return fmt::format("InceptionV3 of 2015 ({}), protocol {}: {}", origin_, name_of(options_.protocol),
                     description_of(options_.protocol));
}

Features InceptionFeatures::extract(const BytesView& images) {
  constexpr int kSize = models::InceptionV3::kImageSize;
  const InceptionInput input(options_.protocol, images.height, images.width, kSize);
  Features out{images.count, dimensions(), classes(), {}, {}};
  out.features.reserve(static_cast<std::size_t>(images.count * dimensions()));
  out.logits.reserve(static_cast<std::size_t>(images.count * classes()));
  for (std::int64_t first = 0; first < images.count; first += options_.batch_size) {
    const std::int64_t n = std::min<std::int64_t>(options_.batch_size, images.count - first);
    engine::Tensor batch =
        context_.empty({n, models::InceptionV3::kChannels, kSize, kSize}, engine::DType::fp32);
    input.prepare(images.part(first, n), context_.threads(), batch.as<float>());
    const models::InceptionV3::Outputs outputs = network_.forward(batch);
    const auto append = [](const engine::Tensor& from, std::vector<float>& to) {
      to.insert(to.end(), from.as<float>(), from.as<float>() + from.elements());
    };
    append(outputs.features, out.features);
    append(outputs.logits, out.logits);
  }
  return out;
}

std::unique_ptr<FeatureExtractor> open_inception(const std::filesystem::path& path, engine::Context& context,
                                                 const InceptionOptions& options) {
  if (path.extension() == ".pth" || path.extension() == ".pt")
    engine::fail_input("{}: is a PyTorch file, expected HDF5; convert it: scripts/convert_inception.py {} {}",
                       path.string(), path.string(), path.filename().replace_extension(".h5").string());
  const engine::Hdf5Reader reader = engine::open_checked(path);
  check_format(reader);
  check_parameters(reader);
  const Origin origin = origin_of(reader);
  return std::make_unique<InceptionFeatures>(
      context, [&](const models::NamedShape& parameter) { return read_parameter(reader, parameter); },
      origin.text, file_digest(path), origin.published, options);
}

std::unique_ptr<FeatureExtractor> open_inception(const std::filesystem::path& path, int threads,
                                                 const InceptionOptions& options) {
  return std::make_unique<OnItsOwnContext>(path, threads, options);
}

}  // namespace mebm::metrics

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/core/error.h"
#include "engine/io/atomic_write.h"
#include "metrics/feature_statistics.h"
#include "metrics/npy.h"
#include "metrics/zip.h"

namespace mebm::metrics {
namespace {

constexpr std::int64_t kMostFeatures = 8192;  // a covariance of 512 MiB
constexpr std::uint64_t kHeaderBytes = 1 << 16;
constexpr double kAsymmetry = 1e-5;  // of the largest variance: what keeping a covariance in fp32 may cost

const ZipReader::Member& member(const ZipReader& zip, const std::string& key) {
  if (const ZipReader::Member* found = zip.find(key + ".npy")) return *found;
  std::vector<std::string> names;
  for (const ZipReader::Member& other : zip.members()) names.push_back(other.name);
  engine::fail_input("{}: no array '{}' among [{}]; statistics are 'mu' [D] and 'sigma' [D, D]", zip.file(),
                     key, fmt::join(names, ", "));
}

// The finite values of array `key`, whose shape must be `shape` (extents of -1: any up to kMostFeatures).
std::vector<double> read_floats(ZipReader& zip, const std::string& key,
                                const std::vector<std::int64_t>& shape) {
  const std::string where = zip.file() + ": " + key + ".npy";
  std::uint64_t most = 8;
  for (const std::int64_t extent : shape)
    most *= static_cast<std::uint64_t>(extent < 0 ? kMostFeatures : extent);
  const std::vector<std::byte> bytes = zip.read(member(zip, key), most + kHeaderBytes);
  const NpyArray array = parse_npy(bytes, where);
  bool fits = array.shape.size() == shape.size();
  for (std::size_t i = 0; fits && i < shape.size(); ++i)
    fits = shape[i] < 0 ? array.shape[i] >= 1 && array.shape[i] <= kMostFeatures : array.shape[i] == shape[i];
  if (!fits)
    engine::fail_input(
        "{}: shape {}; {} is expected", where, shape_text(array.shape),
        shape.size() == 1 ? fmt::format("[D] with D from 1 to {}", kMostFeatures) : shape_text(shape));
  std::vector<double> values = floats_of(array, where);
  const auto bad = std::find_if(values.begin(), values.end(), [](double v) { return !std::isfinite(v); });
  if (bad != values.end()) engine::fail_input("{}: value {} is {}", where, bad - values.begin(), *bad);
  return values;
}

void check_covariance(const std::vector<double>& s, std::size_t d, const std::string& file) {
  double largest = 0;
  for (std::size_t i = 0; i < d; ++i) {
    largest = std::max(largest, s[i * d + i]);
    if (s[i * d + i] < 0) engine::fail_input("{}: sigma.npy: variance {} is {}", file, i, s[i * d + i]);
  }
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (std::abs(s[i * d + j] - s[j * d + i]) > kAsymmetry * largest)
        engine::fail_input("{}: sigma.npy: is not symmetric: ({}, {}) is {}, ({}, {}) is {}", file, i, j,
                           s[i * d + j], j, i, s[j * d + i]);
}

}  // namespace

void write_statistics_npz(const std::filesystem::path& path, const FeatureStatistics& statistics) {
  const auto d = static_cast<std::int64_t>(statistics.mean.size());
  std::vector<ZipMember> members;
  members.push_back({"mu.npy", make_npy(statistics.mean, {d})});
  members.push_back({"sigma.npy", make_npy(statistics.covariance, {d, d})});
  if (statistics.count > 0) members.push_back({"count.npy", make_npy(statistics.count)});
  if (!statistics.protocol.empty()) members.push_back({"protocol.npy", make_npy(statistics.protocol)});
  engine::write_atomically(path, make_zip(members));
}

FeatureStatistics read_statistics_npz(const std::filesystem::path& path) {
  ZipReader zip(path);
  FeatureStatistics statistics;
  statistics.mean = read_floats(zip, "mu", {-1});
  const auto d = static_cast<std::int64_t>(statistics.mean.size());
  statistics.covariance = read_floats(zip, "sigma", {d, d});
  check_covariance(statistics.covariance, statistics.mean.size(), zip.file());
  if (const ZipReader::Member* count = zip.find("count.npy")) {
    const std::string where = zip.file() + ": count.npy";
    const std::vector<std::byte> bytes = zip.read(*count, kHeaderBytes);
    statistics.count = integer_of(parse_npy(bytes, where), where);
    if (statistics.count < 2) engine::fail_input("{}: {} images", where, statistics.count);
  }
  if (const ZipReader::Member* protocol = zip.find("protocol.npy")) {
    const std::string where = zip.file() + ": protocol.npy";
    const std::vector<std::byte> bytes = zip.read(*protocol, kHeaderBytes);
    statistics.protocol = text_of(parse_npy(bytes, where), where);
  }
  return statistics;
}

}  // namespace mebm::metrics

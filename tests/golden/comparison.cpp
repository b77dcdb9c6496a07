#include "tests/golden/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace mebm::golden {

namespace {

constexpr double kVanishing = 1e-12;  // of G: rounding in float64, far below any true gradient
constexpr double kInfinity = std::numeric_limits<double>::infinity();
// The masks every packed set was written with.
constexpr std::array<std::uint32_t, 16> kMasks = {0x1e4a11, 0x5a2b0,  0xa11db,  0xe1bb1,  0x131749, 0x73e30,
                                                  0x266165, 0x1c5992, 0x105695, 0x2ca114, 0x4010c,  0x22f4a6,
                                                  0x1085e6, 0x30c252, 0xf1b5e,  0x256f06};

// Flat index of stored element k of a tensor that is sampled.
std::size_t sample_index(std::uint64_t k, std::uint64_t size) {
  return static_cast<std::size_t>(k * 2654435761u % size);
}

// a / b with 0 / 0 = 0 and NaN as infinity.
double ratio(double a, double b) {
  const double r = a == 0 ? 0 : a / b;
  return std::isnan(r) ? kInfinity : r;
}

double largest_difference(const Values& a, const Values& b) {
  if (a.size() != b.size()) return kInfinity;
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(a[i] - b[i]);
    if (!std::isfinite(difference)) return kInfinity;
    largest = std::max(largest, difference);
  }
  return largest;
}

double norm(const Values& values) {
  double sum = 0;
  for (double value : values) sum += value * value;
  return std::sqrt(sum);
}

// What norms of tensors are judged by: b's own, or the floor's.
double norm_scale(double norm_of_b, double floor, std::int64_t size) {
  return std::max(norm_of_b, floor * std::sqrt(static_cast<double>(size)));
}

}  // namespace

double largest_magnitude(const Values& values) {
  double largest = 0;
  for (double value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

double relative_error(const Values& a, const Values& b, double floor) {
  return ratio(largest_difference(a, b), std::max(largest_magnitude(b), floor));
}

double norm_error(const Values& a, const Values& b, double floor) {
  if (a.size() != b.size()) return kInfinity;
  Values difference(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) difference[i] = a[i] - b[i];
  return ratio(norm(difference), norm_scale(norm(b), floor, static_cast<std::int64_t>(b.size())));
}

Values projections(const Values& values) {
  constexpr std::size_t kBlock = 2048;  // signs of a block are those of its low index bits, up to one sign
  const auto sign = [](std::size_t bits, std::uint32_t mask) {
    return std::popcount(static_cast<std::uint32_t>(bits) & mask) % 2 == 0 ? 1.0 : -1.0;
  };
  Values out(kMasks.size(), 0.0), signs(kBlock);
  for (std::size_t j = 0; j < kMasks.size(); ++j) {
    for (std::size_t i = 0; i < kBlock; ++i) signs[i] = sign(i, kMasks[j]);
    for (std::size_t begin = 0; begin < values.size(); begin += kBlock) {
      const std::size_t count = std::min(kBlock, values.size() - begin);
      double sum = 0;
      for (std::size_t i = 0; i < count; ++i) sum += signs[i] * values[begin + i];
      out[j] += sign(begin, kMasks[j]) * sum;
    }
  }
  return out;
}

std::vector<std::string> split_names(const std::string& list) {
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin < list.size();) {
    const std::size_t end = std::min(list.find('\n', begin), list.size());
    names.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return names;
}

PackedSet::PackedSet(const engine::Hdf5Reader& reader, const std::string& group)
    : names_(split_names(reader.attribute_string(group, "names"))) {
  const auto limit = reader.attribute_int(group, "sample_limit");
  const auto n = static_cast<std::int64_t>(names_.size());
  const auto masks = static_cast<std::int64_t>(kMasks.size());
  const auto sizes = reader.read<std::int64_t>(group + "/size", {n});
  const auto norms = reader.read<double>(group + "/norm", {n}),
             maxima = reader.read<double>(group + "/max", {n});
  const auto all_projections = reader.read<double>(group + "/projections", {n, masks});
  const auto values = reader.read_at_most<double>(group + "/values", 1 << 24);
  auto value = values.begin();
  auto projection = all_projections.begin();
  for (std::size_t k = 0; k < names_.size(); ++k) {
    const auto stored = std::min(sizes[k], limit);
    if (values.end() - value < stored) throw std::runtime_error(group + ": too few values");
    entries_.push_back({sizes[k], norms[k], maxima[k], Values(projection, projection + masks),
                        Values(value, value + stored)});
    value += stored;
    projection += masks;
  }
  if (value != values.end()) throw std::runtime_error(group + ": more values than the sizes say");
  scale_ = largest_magnitude(maxima);
}

const PackedSet::Entry& PackedSet::entry_of(const std::string& name) const {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found == names_.end()) throw std::runtime_error("the fixture has no tensor " + name);
  return entries_[static_cast<std::size_t>(found - names_.begin())];
}

const PackedSet::Entry& PackedSet::entry_of(const std::string& name, const Values& computed) const {
  const Entry& entry = entry_of(name);
  if (static_cast<std::int64_t>(computed.size()) != entry.size)
    throw std::runtime_error(
        fmt::format("{} has {} elements, the fixture's has {}", name, computed.size(), entry.size));
  return entry;
}

bool PackedSet::vanishes(const std::string& name) const {
  return entry_of(name).max < kVanishing * scale_;
}

double PackedSet::distance(const std::string& name, const Values& computed) const {
  const Entry& entry = entry_of(name, computed);
  Values difference = projections(computed);
  for (std::size_t j = 0; j < difference.size(); ++j) difference[j] -= entry.projections[j];
  return norm(difference) / std::sqrt(static_cast<double>(difference.size()));
}

TensorError PackedSet::error(const std::string& name, const Values& computed, double floor) const {
  const Entry& entry = entry_of(name, computed);
  TensorError out;
  out.what = name;
  if (vanishes(name)) {
    out.vanishing = ratio(largest_difference(computed, Values(computed.size(), 0.0)), scale_);
    return out;
  }
  Values picked(entry.values.size());
  for (std::size_t k = 0; k < picked.size(); ++k)
    picked[k] = computed[picked.size() == computed.size() ? k : sample_index(k, computed.size())];
  const double scale = norm_scale(entry.norm, floor * scale_, entry.size);
  out.largest = ratio(largest_difference(picked, entry.values), std::max(entry.max, floor * scale_));
  Values difference = projections(computed);
  for (std::size_t j = 0; j < difference.size(); ++j) difference[j] -= entry.projections[j];
  const Values zeros(difference.size(), 0.0);
  out.projection = ratio(largest_difference(difference, zeros), scale);
  out.norm = ratio(norm(difference) / std::sqrt(static_cast<double>(difference.size())), scale);
  return out;
}

std::vector<TensorError> PackedSet::errors(const NamedValues& computed, double floor) const {
  std::string unknown, absent;
  for (const auto& [name, values] : computed)
    if (std::find(names_.begin(), names_.end(), name) == names_.end()) unknown += " " + name;
  std::vector<TensorError> out;
  for (const std::string& name : names_) {
    const auto found = std::find_if(computed.begin(), computed.end(),
                                    [&](const auto& entry) { return entry.first == name; });
    if (found == computed.end())
      absent += " " + name;
    else
      out.push_back(error(name, found->second, floor));
  }
  if (!unknown.empty() || !absent.empty())
    throw std::runtime_error("computed but not in the fixture:" + unknown +
                             "; in the fixture but not computed:" + absent);
  return out;
}

std::string beyond(const std::vector<TensorError>& errors, const Bounds& bounds) {
  std::string out;
  for (const TensorError& e : errors) {
    if (e.vanishing && !(*e.vanishing <= bounds.vanishing))
      out += fmt::format("{}: zero in exact arithmetic, is {:.3g} of the set's largest (bound {:g})\n",
                         e.what, *e.vanishing, bounds.vanishing);
    if (!(e.largest <= bounds.largest && e.projection <= bounds.projection && e.norm <= bounds.norm))
      out += fmt::format(
          "{}: largest error {:.3g} (bound {:g}), projection {:.3g} ({:g}), norm {:.3g} ({:g})\n", e.what,
          e.largest, bounds.largest, e.projection, bounds.projection, e.norm, bounds.norm);
  }
  return out;
}

}  // namespace mebm::golden

#pragma once
// The error measure of every comparison with the fixtures: max|a - b| / max(max|b|, 1e-6 G), G the largest
// magnitude of the whole compared set; and packed sets (README.md), which describe tensors too large to
// store.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/io/hdf5.h"

namespace mebm::golden {

using Values = std::vector<double>;
using NamedValues = std::vector<std::pair<std::string, Values>>;

constexpr double kExact = 1e-9;  // float64 against float64
constexpr double kFloor = 1e-6;  // of G

// max|a - b| / max(max|b|, floor); infinity where sizes differ or a value is not finite.
double relative_error(const Values& a, const Values& b, double floor = 0);
// ||a - b|| / max(||b||, floor sqrt(size)), likewise.
double norm_error(const Values& a, const Values& b, double floor = 0);
double largest_magnitude(const Values& values);

// How far a computed tensor is from the stored one. `what` is the tensor's name.
struct TensorError {
  std::string what;
  double largest = 0;     // over the stored elements, by the measure above
  double norm = 0;        // ||a - b|| / ||b||, estimated from the projections
  double projection = 0;  // largest |projection of a - b| / ||b||
  // The gradient is zero in exact arithmetic (a convolution's bias before batch-norm): what is stored is the
  // fixture's rounding, below 1e-12 G. Then this is max|a| / G, and the others are 0.
  std::optional<double> vanishing;
};

class PackedSet {
 public:
  PackedSet(const engine::Hdf5Reader& reader, const std::string& group);

  const std::vector<std::string>& names() const { return names_; }
  // The largest magnitude of the set.
  double scale() const { return scale_; }
  // One entry per stored tensor, in the set's order. Throws std::runtime_error naming the tensors that only
  // one side has, or whose sizes differ.
  std::vector<TensorError> errors(const NamedValues& computed, double floor = kFloor) const;
  // The error of one tensor. Tensors smaller than `floor` G are judged on that scale.
  TensorError error(const std::string& name, const Values& computed, double floor = kFloor) const;
  // Whether the stored tensor is zero but for rounding.
  bool vanishes(const std::string& name) const;
  // ||a - b||, estimated from the projections.
  double distance(const std::string& name, const Values& computed) const;

 private:
  struct Entry {
    std::int64_t size = 0;
    double norm = 0, max = 0;
    Values projections, values;
  };

  // The entry of that name; throws where there is none or its size differs.
  const Entry& entry_of(const std::string& name) const;
  const Entry& entry_of(const std::string& name, const Values& computed) const;

  std::vector<std::string> names_;
  std::vector<Entry> entries_;
  double scale_ = 0;
};

// The sum of sign_j(i) values[i] for each of the 16 masks.
Values projections(const Values& values);

// The names in the list, separated by newlines; none for "".
std::vector<std::string> split_names(const std::string& list);

constexpr double kUnbounded = 1e300;
struct Bounds {
  double largest, projection, norm, vanishing;
};
constexpr Bounds kExactBounds{kExact, kExact, kExact, 1e-13};
// Names of `errors` above the bounds, with their numbers, one per line; "" where all are within.
std::string beyond(const std::vector<TensorError>& errors, const Bounds& bounds);

}  // namespace mebm::golden

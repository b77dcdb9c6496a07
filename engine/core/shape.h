#pragma once
// Logical extents of a tensor, at most four: N,C,H,W for feature maps, N,D for features, N for energies.

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "engine/core/error.h"

namespace mebm::engine {

class Shape {
 public:
  static constexpr int kMaxRank = 4;

  Shape() = default;
  Shape(std::initializer_list<std::int64_t> extents) {
    require(extents.size() <= kMaxRank, "a tensor has at most {} dimensions, got {}", kMaxRank,
            extents.size());
    for (std::int64_t extent : extents) {
      require(extent >= 0, "a tensor's extent cannot be negative, got {}", extent);
      extents_[static_cast<std::size_t>(rank_++)] = extent;
    }
  }

  int rank() const { return rank_; }
  std::int64_t operator[](int i) const { return extents_[static_cast<std::size_t>(i)]; }
  std::int64_t elements() const {
    std::int64_t product = 1;
    for (int i = 0; i < rank_; ++i) product *= (*this)[i];
    return product;
  }
  // The same shape with its first extent replaced.
  Shape with_rows(std::int64_t rows) const {
    Shape shape = *this;
    shape.extents_[0] = rows;
    return shape;
  }
  bool operator==(const Shape& other) const = default;

  // "[64, 3, 32, 32]"
  std::string text() const {
    std::string out = "[";
    for (int i = 0; i < rank_; ++i) out += (i ? ", " : "") + std::to_string((*this)[i]);
    return out + "]";
  }

 private:
  std::array<std::int64_t, kMaxRank> extents_{};
  int rank_ = 0;
};

}  // namespace mebm::engine

// A message's argument: text is made only where the message is.
template <>
struct fmt::formatter<mebm::engine::Shape> : fmt::formatter<fmt::string_view> {
  template <typename FormatContext>
  auto format(const mebm::engine::Shape& shape, FormatContext& context) const {
    return fmt::formatter<fmt::string_view>::format(shape.text(), context);
  }
};

#pragma once
// Element types and memory layouts of tensors.

#include <cstddef>
#include <string_view>

#include "kernels/core/bfloat16.h"

namespace mebm::engine {

enum class DType { fp32, fp64, bf16, int32, uint8 };

constexpr std::size_t size_of(DType dtype) {
  return dtype == DType::fp64 ? 8 : dtype == DType::bf16 ? 2 : dtype == DType::uint8 ? 1 : 4;
}

constexpr std::string_view name_of(DType dtype) {
  switch (dtype) {
    case DType::fp32:
      return "fp32";
    case DType::fp64:
      return "fp64";
    case DType::bf16:
      return "bf16";
    case DType::int32:
      return "int32";
    case DType::uint8:
      return "uint8";
  }
  return "?";
}

// Where element (n, c, h, w) of a logical N,C,H,W tensor lies.
//   plain      [N][C][H][W], and any tensor whose rank is not 4
//   blocked8   [N][C/8][H][W][8]   channels padded to a multiple of 8 (oneDNN's nChw8c)
//   blocked16  [N][C/16][H][W][16] (nChw16c)
//   channels_last  [N][H][W][C], the layout of feature maps and convolution weights on a GPU
enum class Layout { plain, blocked8, blocked16, channels_last };

// The type arithmetic on stored values is done in: batch-norm coefficients, features, chain states.
constexpr DType arithmetic_type(DType dtype) {
  return dtype == DType::bf16 ? DType::fp32 : dtype;
}

// Padding unit of the channels.
constexpr int channel_block(Layout layout) {
  return layout == Layout::blocked8 ? 8 : layout == Layout::blocked16 ? 16 : 1;
}

constexpr Layout layout_of_block(int block) {
  return block == 16 ? Layout::blocked16 : block == 8 ? Layout::blocked8 : Layout::plain;
}

template <typename T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::fp32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::fp64;
};
template <>
struct DTypeOf<kernels::bfloat16> {
  static constexpr DType value = DType::bf16;
};
template <>
struct DTypeOf<std::uint8_t> {
  static constexpr DType value = DType::uint8;
};
template <>
struct DTypeOf<int> {
  static constexpr DType value = DType::int32;
};

}  // namespace mebm::engine

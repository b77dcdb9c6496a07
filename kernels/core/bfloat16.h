#pragma once
// bfloat16 as storage: arithmetic is in float.

#include <cstdint>
#include <cstring>

#include "kernels/compat/host_device.h"

namespace mebm::kernels {

struct alignas(2) bfloat16 {
  std::uint16_t bits;
};

MEBM_HOST_DEVICE float to_float(bfloat16 value) {
  const std::uint32_t bits = static_cast<std::uint32_t>(value.bits) << 16;
  float out;
  memcpy(&out, &bits, sizeof(out));
  return out;
}

// Rounds to nearest, ties to even; NaN stays NaN (bfloat16_bits has the details).
MEBM_HOST_DEVICE bfloat16 to_bfloat16(float value) {
  return {bfloat16_bits(value)};
}

// The type arithmetic on stored T is done in.
template <typename T>
struct ArithmeticOf {
  using type = T;
};
template <>
struct ArithmeticOf<bfloat16> {
  using type = float;
};
template <typename T>
using Arithmetic = typename ArithmeticOf<T>::type;

template <typename T>
MEBM_HOST_DEVICE T widen(T value) {
  return value;
}
MEBM_HOST_DEVICE float widen(bfloat16 value) {
  return to_float(value);
}

// narrow<T>(x): x as stored T.
template <typename T>
struct Narrow {
  static MEBM_HOST_DEVICE T from(Arithmetic<T> value) { return value; }
};
template <>
struct Narrow<bfloat16> {
  static MEBM_HOST_DEVICE bfloat16 from(float value) { return to_bfloat16(value); }
};
template <typename T>
MEBM_HOST_DEVICE T narrow(Arithmetic<T> value) {
  return Narrow<T>::from(value);
}

}  // namespace mebm::kernels

#pragma once
// Four standard normals from four Philox words by Box-Muller on (r0, r1) and (r2, r3), host and device:
//   n0 = sqrt(-2 ln u0) cos(2 pi u1), n1 = sqrt(-2 ln u0) sin(2 pi u1), and likewise n2, n3.

#include <cmath>

#include "kernels/core/philox.h"

namespace mebm::kernels {

template <typename T>
MEBM_HOST_DEVICE void normals_from_words(const PhiloxWords& words, T out[4]) {
  constexpr T kTwoPi = T(6.283185307179586476925286766559);
  for (int pair = 0; pair < 2; ++pair) {
    const T radius = std::sqrt(T(-2) * std::log(uniform_from_word<T>(words.word[2 * pair])));
    const T angle = kTwoPi * uniform_from_word<T>(words.word[2 * pair + 1]);
    out[2 * pair] = radius * std::cos(angle);
    out[2 * pair + 1] = radius * std::sin(angle);
  }
}

}  // namespace mebm::kernels

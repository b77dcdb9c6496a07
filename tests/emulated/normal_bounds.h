#pragma once
// How far a device's normals may be from the CPU's. In fp64 both use the same scalar functions in the same
// order: equal bits. In fp32 the CPU has a logarithm, sine and cosine of its own
// (kernels/random_normal/normal_groups.h): with unit roundoff u, the device's rounded angle 2 pi u1 is off by
// 4 u, logarithm, root, sine, cosine and product add 6 u on the two sides together, and the radius is at most
// sqrt(2 ln 2^33) < 6.8.

namespace mebm::test {

template <typename T>
inline constexpr double kNormalDistance = 0;
template <>
inline constexpr double kNormalDistance<float> = 10 * 0x1p-24 * 6.8;

}  // namespace mebm::test

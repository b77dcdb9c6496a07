#include <algorithm>
#include <cmath>
#include <numbers>

#include "tests/reference/oracle.h"

namespace mebm::reference {

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  constexpr std::uint64_t kM0 = 0xD2511F53, kM1 = 0xCD9E8D57;
  constexpr std::uint32_t kW0 = 0x9E3779B9, kW1 = 0xBB67AE85;  // golden ratio, sqrt(3) - 1
  const auto high = [](std::uint64_t product) { return static_cast<std::uint32_t>(product >> 32); };
  const auto low = [](std::uint64_t product) { return static_cast<std::uint32_t>(product & 0xFFFFFFFF); };
  for (std::uint32_t round = 0; round < 10; ++round) {
    const std::uint32_t k0 = key[0] + round * kW0, k1 = key[1] + round * kW1;
    const std::uint64_t left = kM0 * counter[0], right = kM1 * counter[2];
    counter = {high(right) ^ counter[1] ^ k0, low(right), high(left) ^ counter[3] ^ k1, low(left)};
  }
  return counter;
}

std::array<double, 4> box_muller(const std::array<std::uint32_t, 4>& words) {
  std::array<double, 4> u;
  for (std::size_t i = 0; i < 4; ++i) u[i] = (words[i] + 0.5) / 4294967296.0;
  const double r0 = std::sqrt(-2 * std::log(u[0])), r1 = std::sqrt(-2 * std::log(u[2]));
  const double a0 = 2 * std::numbers::pi * u[1], a1 = 2 * std::numbers::pi * u[3];
  return {r0 * std::cos(a0), r0 * std::sin(a0), r1 * std::cos(a1), r1 * std::sin(a1)};
}

double normal(std::uint64_t seed, std::uint32_t purpose, std::uint32_t iteration, std::uint32_t slot,
              std::uint32_t step, std::uint32_t element) {
  const auto words = philox({element / 4, slot, step + purpose * 16777216u, iteration},
                            {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
  return box_muller(words)[element % 4];
}

double langevin(const Langevin& l, double x, double gradient, double normal) {
  if (l.gradient_clamp > 0) gradient = std::max(-l.gradient_clamp, std::min(l.gradient_clamp, gradient));
  const double moved = x - l.step_size * gradient + l.noise * normal;
  return l.pixel_clamp > 0 ? std::max(-l.pixel_clamp, std::min(l.pixel_clamp, moved)) : moved;
}

}  // namespace mebm::reference

#include "selftest/values.h"

#include <cmath>

namespace mebm::selftest {

std::string_view name_of(Precision precision) {
  return precision == Precision::fp32 ? "fp32" : precision == Precision::tf32 ? "tf32" : "bf16";
}

double rounded(double value, Precision precision) {
  if (precision == Precision::fp32) return static_cast<float>(value);
  const int bits = precision == Precision::tf32 ? 11 : 8;
  int exponent = 0;
  const double fraction = std::frexp(value, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(fraction, bits)), exponent - bits);
}

std::uint32_t Generator::word() {
  if (drawn_ % 4 == 0)
    words_ = engine::philox4x32_10(key_, static_cast<std::uint32_t>(drawn_ / 4),
                                   static_cast<std::uint32_t>(drawn_ >> 34), 0, 0);
  return words_.word[drawn_++ % 4];
}

std::int64_t Generator::integer(std::int64_t low, std::int64_t high) {
  return low + engine::index_from_word(word(), static_cast<std::uint32_t>(high - low + 1));
}

std::int64_t Generator::pick(std::initializer_list<std::int64_t> choices) {
  return choices.begin()[integer(0, static_cast<std::int64_t>(choices.size()) - 1)];
}

double Generator::uniform(double low, double high) {
  return low + (high - low) * engine::uniform_from_word<double>(word());
}

Array Generator::values(const engine::Shape& shape, double low, double high) {
  // Large arrays repeat themselves, in a period that no extent divides: drawing costs more than computing.
  constexpr std::size_t kPeriod = 1000003;
  constexpr std::size_t kShort = 16411, kLarge = 300000;
  auto elements = static_cast<std::size_t>(shape.elements());
  if (short_arrays_ && elements > kLarge) elements = kShort;
  Array array{shape, Values(elements)};
  for (std::size_t i = 0; i < array.values.size(); ++i)
    array.values[i] = i < kPeriod ? rounded(uniform(low, high), precision_) : array.values[i - kPeriod];
  return array;
}

Array Generator::weights(const engine::Shape& shape) {
  const double bound = 1 / std::sqrt(static_cast<double>(shape.elements() / shape[0]));
  return values(shape, -bound, bound);
}

}  // namespace mebm::selftest

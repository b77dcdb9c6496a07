#pragma once
// Random inputs of the selftest: shapes and values are functions of the seed, rounded to the type under test.

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "engine/core/random.h"
#include "engine/core/shape.h"

namespace mebm::selftest {

// fp32: everything in fp32. tf32: fp32 storage, convolutions multiply in tf32. bf16: feature maps and
// convolution weights in bf16, the rest in fp32.
enum class Precision { fp32, tf32, bf16 };
std::string_view name_of(Precision precision);

// `value` as this type stores it: 24, 11 or 8 significant bits, ties to even.
double rounded(double value, Precision precision);

using Values = std::vector<double>;

// A tensor's contents in the order of the plain layout. Fewer values than elements: they are repeated in the
// order of the memory, which does where only time matters.
struct Array {
  engine::Shape shape;
  Values values;
};

class Generator {
 public:
  // short_arrays: large arrays hold fewer values than their shape has elements (Array).
  Generator(std::uint64_t seed, Precision precision, bool short_arrays = false)
      : key_(seed), precision_(precision), short_arrays_(short_arrays) {}

  // low ... high, both included.
  std::int64_t integer(std::int64_t low, std::int64_t high);
  std::int64_t pick(std::initializer_list<std::int64_t> choices);
  bool coin() { return integer(0, 1) == 1; }
  double uniform(double low, double high);

  // Uniform in [low, high), rounded to the type under test. The default is off centre, so that sums do not
  // cancel and an error relative to them says something.
  Array values(const engine::Shape& shape, double low = -0.75, double high = 1.25);
  // Convolution or linear weights: U(+-1/sqrt(fan_in)).
  Array weights(const engine::Shape& shape);

 private:
  std::uint32_t word();

  engine::PhiloxKey key_;
  Precision precision_;
  bool short_arrays_;
  engine::PhiloxWords words_{};
  std::uint64_t drawn_ = 0;
};

}  // namespace mebm::selftest

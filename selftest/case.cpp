#include "selftest/case.h"

namespace mebm::selftest {

using engine::Shape;

// fp32 (unit roundoff u = 6.0e-8): a sum of n terms of either sign in any fixed order is off by about
// u sqrt(n) / 6 of its scale; the longest here, a weight gradient over 64 x 32 x 32 positions, by 2.6e-6, and
// twice that remains for the terms' own roundings. tf32 (u = 4.9e-4): operands are rounded already, so
// products are exact; two roundings, as of an operand that a library rounds again and of a result it keeps in
// tf32. bf16 (u = 3.9e-3): arithmetic is fp32, a result is rounded when stored; two roundings (a gradient
// stored, then added to a stored one) and a quarter more.
double tolerance(Grade grade, Precision precision) {
  if (grade == Grade::exact) return 0;
  // fp64 (u = 1.1e-16): a factorisation of d = 784 rows is off by d u times the condition number, here some
  // hundreds.
  if (grade == Grade::wide) return 1e-10;
  if (grade == Grade::real || precision == Precision::fp32) return 1e-5;
  return precision == Precision::tf32 ? 1e-3 : 1e-2;
}

std::string text(const Shape& shape) {
  std::string out;
  for (int i = 0; i < shape.rank(); ++i) out += fmt::format("{}{}", i > 0 ? "x" : "", shape[i]);
  return out;
}

std::vector<Shape> Sweep::feature_shapes() {
  if (recipes())
    return {{64, 160, 32, 32}, {64, 320, 32, 32}, {64, 320, 16, 16}, {64, 640, 16, 16},
            {64, 640, 8, 8},   {64, 16, 32, 32},  {64, 32, 32, 32},  {64, 64, 32, 32},
            {64, 64, 16, 16},  {64, 128, 16, 16}, {64, 128, 8, 8}};
  std::vector<Shape> shapes;
  const auto add = [&](std::int64_t channels) {
    shapes.push_back(
        {generator_.integer(3, 6), channels, generator_.integer(3, 7), generator_.integer(3, 7)});
  };
  if (quick()) {
    add(generator_.pick({1, 3, 31, 33, 257}));
    add(generator_.pick({16, 48, 80, 160}));
    return shapes;
  }
  for (const std::int64_t channels : {1, 3, 31, 33, 257}) add(channels);
  for (int i = 0; i < 3; ++i) add(generator_.pick({16, 32, 48, 64, 80, 96, 128, 160, 192, 320, 640}));
  if (work_shapes()) {
    if (precision_ == Precision::bf16) shapes.push_back({64, 160, 32, 32});
    shapes.push_back({64, 640, 8, 8});
  }
  return shapes;
}

std::vector<Shape> Sweep::map_shapes() {
  if (recipes()) return {{64, 160, 32, 32}, {64, 32, 32, 32}};
  return feature_shapes();
}

std::vector<Shape> Sweep::pooled_shapes() {
  if (recipes()) return {{64, 640, 8, 8}, {64, 128, 8, 8}};
  return feature_shapes();
}

engine::WriteMode Sweep::write_mode() {
  return !recipes() && generator_.coin() ? engine::WriteMode::accumulate : engine::WriteMode::overwrite;
}

std::vector<Shape> Sweep::matrix_shapes() {
  if (recipes()) return {};
  std::vector<Shape> shapes{{generator_.integer(2, 9), generator_.pick({2, 10, 31})},
                            {generator_.pick({31, 33, 65}), generator_.pick({3, 33, 100, 257})}};
  if (quick()) return shapes;
  for (int i = 0; i < 4; ++i) shapes.push_back({generator_.integer(1, 260), generator_.integer(2, 300)});
  if (work_shapes()) shapes.push_back({128, 10});
  return shapes;
}

Shape Sweep::images() {
  return {generator_.integer(2, 6), generator_.pick({1, 3}), generator_.integer(6, 11),
          generator_.integer(6, 11)};
}

void sweep_cases(Sweep& sweep) {
  convolution_cases(sweep);
  if (sweep.precision() == Precision::tf32) return;  // nothing else multiplies in tf32
  normalization_cases(sweep);
  pooling_cases(sweep);
  elementwise_cases(sweep);
  optimizer_cases(sweep);
  if (sweep.precision() == Precision::bf16) return;  // the rest is never narrower than fp32
  dense_cases(sweep);
  sampling_cases(sweep);
  if (!sweep.recipes()) fit_cases(sweep);
  curand_cases(sweep);
}

}  // namespace mebm::selftest

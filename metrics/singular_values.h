#pragma once

#include <cstdint>
#include <span>

namespace mebm::metrics {

// The sum of the singular values of `a`, column-major [rows, columns] with rows >= columns >= 1, each to the
// rounding of the largest; overwrites `a`. Error where the iteration does not converge.
double sum_of_singular_values(std::span<double> a, std::int64_t rows, std::int64_t columns);

}  // namespace mebm::metrics

#pragma once
// Trace of the root of a product of covariances.

#include <cstdint>
#include <span>

namespace mebm::metrics {

// tr (S1 S2)^(1/2) of two symmetric positive semidefinite matrices [d, d]: the sum of the singular values of
// F1^T F2 where Si = Fi Fi^T. A factor is a Cholesky factor with diagonal pivoting that ends at the matrix's
// numerical rank; where rounding (a covariance kept in fp32) has left the matrix indefinite, it comes from
// the eigenvectors, with negative eigenvalues as zero. InputError naming `first` or `second` where an
// eigenvalue is below -1e-3 of the largest.
double trace_of_product_root(std::span<const double> s1, std::span<const double> s2, std::int64_t d);

}  // namespace mebm::metrics

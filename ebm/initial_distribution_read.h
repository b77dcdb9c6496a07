#pragma once
// Internal to ebm/: the group /initial_distribution of a file (docs/checkpoint-format.md).

#include <memory>

#include "ebm/initial_distribution.h"
#include "engine/io/hdf5.h"

namespace mebm::ebm {

// `expected` is the images' shape where the group does not tell it. InputError, with file and object, for a
// group that does not describe a distribution: shapes, kinds, values that are not finite, a factor that is
// not lower triangular, a covariance that is not symmetric or not positive definite.
std::unique_ptr<InitialDistribution> read_initial(const engine::Hdf5Reader& reader, engine::Context& context,
                                                  engine::DType dtype, const ImageShape& expected);

}  // namespace mebm::ebm

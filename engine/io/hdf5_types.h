#pragma once
// Internal to engine/io: the project's element types and HDF5's.

#include <cstdint>

#include "engine/io/hdf5.h"

namespace mebm::engine::hdf5 {

// The library's identifier of the type in memory (native) or on disk (little-endian); not to be closed.
std::int64_t memory_type(Hdf5Type type);
std::int64_t file_type(Hdf5Type type);

// The smallest of our types that holds every value of an HDF5 type; `other` for what is no number.
Hdf5Type classify(std::int64_t type);

}  // namespace mebm::engine::hdf5

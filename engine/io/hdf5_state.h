#pragma once
// Internal to engine/io: what the pieces of Hdf5Reader share.

#include <cstdint>
#include <string>

#include "engine/io/hdf5.h"
#include "engine/io/hdf5_handle.h"

namespace mebm::engine {

struct Hdf5Reader::State {
  std::string name;              // for messages
  std::uint64_t file_bytes = 0;  // bounds what any dataset may declare
  hdf5::Handle file;
};

namespace hdf5 {

// An open dataset whose declared size has been found plausible.
struct DatasetView {
  Handle dataset, type, space;
  Hdf5Shape shape;
  Hdf5Type element = Hdf5Type::other;
  Handle rows;                  // memory space of a selection of rows; unset: the whole dataset
  std::int64_t count = 0;       // elements selected
  std::int64_t chunk_rows = 1;  // rows that are stored together
};

// A dataset or group; InputError where there is none.
Handle open_object(const Hdf5Reader::State& state, const std::string& path);

// Refuses, before anything is allocated: an element count that overflows, raw data beyond the file's end, a
// compressed size beyond any possible compression ratio, and data kept in other files.
DatasetView open_dataset(const Hdf5Reader::State& state, const std::string& path);

}  // namespace hdf5
}  // namespace mebm::engine

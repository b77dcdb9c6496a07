#pragma once
// The project's own files on disk: an HDF5 image behind a user block that proves it undamaged
// (docs/checkpoint-format.md), and the one safe way to open a file of any origin.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/io/atomic_write.h"
#include "engine/io/hdf5.h"
#include "engine/io/user_block.h"

namespace mebm::engine {

// Fills the user block at the front of an image from Hdf5Writer::finish().
std::vector<std::byte> assemble(std::vector<std::byte> image);

// finish + assemble + write_atomically.
void write_file(const std::filesystem::path& path, Hdf5Writer& writer);

enum class FileState {
  intact,         // our file; length and digest agree
  damaged_block,  // our user block, but some of its bytes are wrong
  newer,          // our file, of a later format than this program knows
  truncated,      // fewer bytes than the user block says
  mismatch,       // more bytes, or other bytes, than were written
  foreign         // an HDF5 file without our user block
};

// "intact", "truncated", ...
std::string_view name_of(FileState state);

struct FileCheck {
  FileState state = FileState::foreign;
  std::uint64_t file_bytes = 0;
  UserBlock block;        // as stored; not for foreign files
  Sha256Digest actual{};  // for intact and mismatch
  std::string problem;    // one clause; empty for intact and foreign
};

// Reads the whole file, without the HDF5 library. InputError where it is missing, a directory, unreadable,
// empty, or no HDF5 file.
FileCheck verify(const std::filesystem::path& path);

// Opens a file for reading: our own after verify() finds it intact, foreign ones after a trial process has
// read all of it (preflight.h). Anything else is an InputError.
Hdf5Reader open_checked(const std::filesystem::path& path);
// The same for a caller that has just called verify().
Hdf5Reader open_checked(const std::filesystem::path& path, const FileCheck& check);

}  // namespace mebm::engine

#pragma once
// A trial process for files of unknown origin: the HDF5 library can crash, loop or ask for absurd memory on
// damaged metadata, and must not take the program with it.

#include <cstdint>
#include <filesystem>

namespace mebm::engine {

// Forks; the child alone uses the HDF5 library, on one thread, to read everything in the file once under
// limits on memory, processor and wall time that grow with the file. InputError with the library's reason
// where it fails, and with the signal or limit where it dies. Works after threads (OpenMP) were used, as
// long as no other thread is inside the HDF5 library.
void preflight(const std::filesystem::path& path, std::uint64_t file_bytes);

}  // namespace mebm::engine

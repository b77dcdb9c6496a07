#pragma once
// Replacing a file so that a reader, or a machine that stops, sees the old bytes or the new ones.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

namespace mebm::engine {

// Writes `bytes` to "<path>.partial" beside `path`, fsyncs it, renames it over `path` and fsyncs the
// directory. Where a step fails (disk or quota full, file-size limit, I/O error, no such directory) the
// partial file is removed, what stood at `path` is intact, and Error names path, cause, bytes needed and
// bytes free. A leftover partial file of a killed process is reused; two processes writing one path at once
// is an Error in the second. A caller that wants the file-size limit reported this way ignores SIGXFSZ.
void write_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes);

// InputError where a name on the way, or the whole path, is too long for a file that is written atomically.
void check_name(const std::filesystem::path& path);

// InputError unless the directory of `path` exists, can be written and has `bytes` free, and `path` itself
// has a usable name and is absent or a regular file: the check to make before a run starts. It leaves nothing
// behind.
void check_can_write(const std::filesystem::path& path, std::uint64_t bytes);

}  // namespace mebm::engine

#include "engine/io/atomic_write.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <string>
#include <string_view>
#include <system_error>

#include "engine/core/error.h"
#include "engine/io/file_descriptor.h"

namespace mebm::engine {
namespace {

namespace fs = std::filesystem;

// One write(2) transfers at most 2^31 - 4096 bytes on Linux; smaller pieces keep signals responsive.
constexpr std::size_t kPieceBytes = std::size_t{1} << 26;
constexpr std::string_view kPartial = ".partial";

std::string reason(int error) {
  return std::generic_category().message(error);
}

fs::path directory_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

std::string free_space(const fs::path& path) {
  std::error_code error;
  const fs::space_info space = fs::space(directory_of(path), error);
  return error ? "unknown" : fmt::format("{}", space.available);
}

[[noreturn]] void fail_writing(const fs::path& path, const char* step, int error, std::size_t needed) {
  const bool full = error == ENOSPC || error == EDQUOT;
  const char* what = full ? "disk full: " : error == EFBIG ? "file-size limit reached: " : "";
  std::error_code ignored;
  fail("{}{}: cannot {} ({}); {} bytes needed, {} free; {}", what, path.string(), step, reason(error), needed,
       free_space(path),
       fs::exists(path, ignored) ? "the previous file is intact" : "nothing was written under this name");
}

bool same_file(int descriptor, const fs::path& path) {
  struct stat opened {
  }, named{};
  return fstat(descriptor, &opened) == 0 && stat(path.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

// Opens and locks the partial file. The lock belongs to the inode, so a file that another writer has
// renamed away in between is let go and the name is opened again.
FileDescriptor open_partial(const fs::path& path, const fs::path& partial, std::size_t needed) {
  for (;;) {
    FileDescriptor file(open(partial.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666));
    if (!file) fail_writing(path, "create the partial file", errno, needed);
    if (flock(file.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
      fail("{}: another process is writing it (it holds {})", path.string(), partial.string());
    if (!same_file(file.get(), partial)) continue;
    if (ftruncate(file.get(), 0) != 0) fail_writing(path, "empty the partial file", errno, needed);
    return file;
  }
}

// 0 or the errno of the failed step, named in `step`.
int write_all(FileDescriptor& file, std::span<const std::byte> bytes, const char*& step) {
  step = "write";
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.get(), bytes.data(), std::min(bytes.size(), kPieceBytes));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    if (written == 0) return ENOSPC;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  step = "flush to the disk";
  return fsync(file.get()) == 0 ? 0 : errno;
}

void sync_directory(const fs::path& path, std::size_t needed) {
  const FileDescriptor directory(open(directory_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) fail_writing(path, "open the directory", errno, needed);
  // Some file systems have no fsync for directories and say EINVAL.
  if (fsync(directory.get()) != 0 && errno != EINVAL)
    fail("{}: written and renamed, but the directory cannot be flushed to the disk ({})", path.string(),
         reason(errno));
}

}  // namespace

void write_atomically(const fs::path& path, std::span<const std::byte> bytes) {
  const fs::path partial = path.string() + std::string(kPartial);
  FileDescriptor file = open_partial(path, partial, bytes.size());
  const char* step = "";
  int error = write_all(file, bytes, step);
  // The rename happens under the lock: no other writer can touch the partial file before it.
  if (error == 0 && std::rename(partial.c_str(), path.c_str()) != 0) {
    step = "rename the partial file";
    error = errno;
  }
  if (error != 0) {
    unlink(partial.c_str());
    file.close();  // gives the blocks back, so that the message tells what is free without them
    fail_writing(path, step, error, bytes.size());
  }
  if (const int closing = file.close(); closing != 0)
    fail("{}: the file system reports a failure after the write ({})", path.string(), reason(closing));
  sync_directory(path, bytes.size());
}

void check_name(const fs::path& path) {
  const std::size_t longest = NAME_MAX - kPartial.size();
  for (const fs::path& part : path)
    if (part.native().size() > longest)
      fail_input("{}...: a name of {} bytes is too long; names have at most {}", path.string().substr(0, 60),
                 part.native().size(), longest);
  if (path.native().size() + kPartial.size() >= PATH_MAX)
    fail_input("{}...: a path of {} bytes is too long; paths have at most {}", path.string().substr(0, 60),
               path.native().size(), PATH_MAX - 1 - kPartial.size());
}

void check_can_write(const fs::path& path, std::uint64_t bytes) {
  check_name(path);
  const fs::path directory = directory_of(path);
  std::error_code error;
  const fs::file_status parent = fs::status(directory, error);
  if (!fs::exists(parent) && error && error != std::errc::no_such_file_or_directory)
    fail_input("{}: the directory {} cannot be used ({})", path.string(), directory.string(),
               error.message());
  if (!fs::exists(parent))
    fail_input("{}: the directory {} does not exist; create it", path.string(), directory.string());
  if (!fs::is_directory(parent))
    fail_input("{}: {} is a file, not a directory", path.string(), directory.string());
  if (fs::is_directory(path, error)) fail_input("{}: is a directory, expected a file name", path.string());
  if (fs::exists(path, error) && !fs::is_regular_file(path, error))
    fail_input("{}: is no regular file (a pipe or a device), which cannot be replaced", path.string());
  // Asked by making a file: access(2) knows nothing of read-only or full file systems.
  std::string trial = (directory / ".mebm-XXXXXX").string();
  const FileDescriptor file(mkostemp(trial.data(), O_CLOEXEC));
  if (!file)
    fail_input("{}: the directory {} cannot be written ({})", path.string(), directory.string(),
               reason(errno));
  unlink(trial.c_str());
  const fs::space_info space = fs::space(directory, error);
  if (!error && space.available < bytes)
    fail_input("{}: disk too small: {} bytes needed, {} free", path.string(), bytes, space.available);
}

}  // namespace mebm::engine

#include "engine/io/checkpoint_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstring>
#include <system_error>

#include "engine/core/error.h"
#include "engine/io/file_descriptor.h"
#include "engine/io/preflight.h"

namespace mebm::engine {
namespace {

constexpr std::array<unsigned char, 8> kHdf5Signature{0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

std::string reason(int error) {
  return std::generic_category().message(error);
}

FileDescriptor open_for_reading(const std::string& path, std::uint64_t& bytes) {
  FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));  // a pipe does not block it
  if (!file) fail_input("{}: cannot be opened: {}", path, reason(errno));
  struct stat status {};
  if (fstat(file.get(), &status) != 0) fail_input("{}: cannot be opened: {}", path, reason(errno));
  if (S_ISDIR(status.st_mode)) fail_input("{}: is a directory, expected an HDF5 file", path);
  if (!S_ISREG(status.st_mode))
    fail_input("{}: is no regular file (a pipe or a device), expected an HDF5 file", path);
  if (status.st_size == 0) fail_input("{}: is empty (0 bytes), expected an HDF5 file", path);
  bytes = static_cast<std::uint64_t>(status.st_size);
  return file;
}

// Reads up to out.size() bytes at `offset`; fewer only at the file's end.
std::size_t read_at(const FileDescriptor& file, const std::string& path, std::uint64_t offset,
                    std::span<std::byte> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got =
        pread(file.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_input("{}: cannot be read at offset {}: {}", path, offset + done, reason(errno));
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

// The format's superblock may stand at 0, 512, 1024, 2048, ...
bool has_hdf5_signature(const FileDescriptor& file, const std::string& path, std::uint64_t bytes) {
  for (std::uint64_t at = 0; at + kHdf5Signature.size() <= bytes; at = at == 0 ? 512 : at * 2) {
    std::array<std::byte, 8> found{};
    if (read_at(file, path, at, found) == found.size() &&
        std::memcmp(found.data(), kHdf5Signature.data(), found.size()) == 0)
      return true;
  }
  return false;
}

Sha256Digest digest_from(const FileDescriptor& file, const std::string& path, std::uint64_t offset) {
  Sha256 hash;
  std::vector<std::byte> piece(kPieceBytes);
  for (;;) {
    const std::size_t got = read_at(file, path, offset, piece);
    hash.update(std::span(piece).first(got));
    if (got < piece.size()) return hash.finish();
    offset += got;
  }
}

void check_payload(const FileDescriptor& file, const std::string& path, FileCheck& check) {
  const std::uint64_t payload = check.file_bytes - kUserBlockSize;
  const std::uint64_t expected = check.block.payload_length;
  if (payload < expected) {
    check.state = FileState::truncated;
    check.problem =
        fmt::format("is truncated: {} bytes after the user block, expected {}", payload, expected);
    return;
  }
  check.state = FileState::mismatch;
  check.actual = digest_from(file, path, kUserBlockSize);
  if (payload > expected) {
    check.problem = fmt::format("has {} bytes after the user block, expected {}", payload, expected);
  } else if (check.actual != check.block.digest) {
    check.problem = fmt::format(
        "is damaged, or was changed by another program: its SHA-256 is {}, the user block says {}",
        to_hex(check.actual), to_hex(check.block.digest));
  } else if (check.block.version != kUserBlockVersion) {
    check.state = FileState::newer;
    check.problem = fmt::format("has file format {}, this program reads {}; use the program that wrote it",
                                check.block.version, kUserBlockVersion);
  } else {
    check.state = FileState::intact;
  }
}

}  // namespace

std::string_view name_of(FileState state) {
  switch (state) {
    case FileState::intact:
      return "intact";
    case FileState::damaged_block:
      return "damaged user block";
    case FileState::newer:
      return "newer format";
    case FileState::truncated:
      return "truncated";
    case FileState::mismatch:
      return "digest mismatch";
    case FileState::foreign:
      break;
  }
  return "foreign";
}

std::vector<std::byte> assemble(std::vector<std::byte> image) {
  require(image.size() > kUserBlockSize, "an HDF5 image of {} bytes has no room for a user block of {}",
          image.size(), kUserBlockSize);
  require(std::memcmp(image.data() + kUserBlockSize, kHdf5Signature.data(), kHdf5Signature.size()) == 0,
          "the HDF5 image was not made with a user block of {} bytes", kUserBlockSize);
  const auto payload = std::span<const std::byte>(image).subspan(kUserBlockSize);
  const UserBlockBytes block = encode({kUserBlockVersion, payload.size(), sha256(payload)});
  std::memcpy(image.data(), block.data(), block.size());
  return image;
}

void write_file(const std::filesystem::path& path, Hdf5Writer& writer) {
  write_atomically(path, assemble(writer.finish()));
}

FileCheck verify(const std::filesystem::path& path) {
  const std::string name = path.string();
  FileCheck check;
  const FileDescriptor file = open_for_reading(name, check.file_bytes);
  std::array<std::byte, kUserBlockSize> head{};
  const std::size_t got = read_at(file, name, 0, head);
  switch (decode(std::span(head).first(got), check.block)) {
    case UserBlockState::ours:
      check_payload(file, name, check);
      break;
    case UserBlockState::damaged:
      check.state = FileState::damaged_block;
      check.problem =
          fmt::format("is damaged or truncated: its user block (the first {} of {} bytes) is wrong",
                      kUserBlockSize, check.file_bytes);
      break;
    case UserBlockState::foreign:
      if (!has_hdf5_signature(file, name, check.file_bytes))
        fail_input("{}: is no HDF5 file ({} bytes without the format's signature)", name, check.file_bytes);
      check.state = FileState::foreign;
      break;
  }
  return check;
}

Hdf5Reader open_checked(const std::filesystem::path& path) {
  return open_checked(path, verify(path));
}

Hdf5Reader open_checked(const std::filesystem::path& path, const FileCheck& check) {
  if (check.state == FileState::foreign)
    preflight(path, check.file_bytes);
  else if (check.state != FileState::intact)
    fail_input("{}: {}; use another copy", path.string(), check.problem);
  return Hdf5Reader(path.string());
}

}  // namespace mebm::engine

#include "data/sources.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <memory>

#include <archive.h>
#include <archive_entry.h>
#include <zlib.h>

#include "engine/core/error.h"

namespace mebm::data {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kArchiveBlock = 1 << 17;
constexpr int kMostMembers = 1000;  // official archives hold about ten

std::vector<std::uint8_t> read_plain_file(const fs::path& path, const ExpectedFile& expected,
                                          const std::string& advice) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error) engine::fail_input("{}: {}; {}", path.string(), error.message(), advice);
  require_size(path.string(), static_cast<std::int64_t>(size), expected, advice);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(expected.bytes));
  std::ifstream stream(path, std::ios::binary);
  stream.read(reinterpret_cast<char*>(bytes.data()), expected.bytes);
  if (stream.gcount() != expected.bytes)
    engine::fail_input("{}: read {} of {} bytes: {}", path.string(), stream.gcount(), expected.bytes,
                       std::strerror(errno));
  return bytes;
}

struct ArchiveDeleter {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
using ArchivePtr = std::unique_ptr<archive, ArchiveDeleter>;

ArchivePtr new_reader() {
  ArchivePtr reader(archive_read_new());
  engine::require(reader != nullptr, "libarchive: out of memory");
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_format_tar(reader.get());
  return reader;
}

// libarchive's message for the last call on `reader`.
std::string archive_message(archive* reader) {
  const char* message = archive_error_string(reader);
  return message ? message : "the archive ends early";
}

std::vector<std::uint8_t> read_member(archive* reader, archive_entry* entry, const std::string& label,
                                      const ExpectedFile& expected, const std::string& advice) {
  require_size(label, archive_entry_size(entry), expected, advice);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(expected.bytes));
  std::int64_t filled = 0;
  while (filled < expected.bytes) {
    const auto got =
        archive_read_data(reader, bytes.data() + filled, static_cast<std::size_t>(expected.bytes - filled));
    if (got <= 0)
      engine::fail_input("{}: read {} of {} bytes: {}; {}", label, filled, expected.bytes,
                         archive_message(reader), advice);
    filled += got;
  }
  return bytes;
}

// A pipe would be waited for without end.
void require_regular(const fs::path& path) {
  std::error_code error;
  if (fs::exists(path, error) && !fs::is_regular_file(path, error))
    engine::fail_input("{}: is no regular file (a directory, a pipe or a device)", path.string());
}

// Member paths may start with "./".
std::string without_dot(std::string path) {
  if (path.starts_with("./")) path.erase(0, 2);
  return path;
}

// The expected file that member `path` is, or null.
const ExpectedFile* match_member(const std::string& path, const std::string& folder,
                                 std::span<const ExpectedFile> files) {
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&](const ExpectedFile& file) { return path == folder + "/" + file.name; });
  return found == files.end() ? nullptr : &*found;
}

}  // namespace

fs::path find_folder(const fs::path& parent, std::span<const std::string_view> subfolders,
                     const std::string& file) {
  for (const std::string_view subfolder : subfolders) {
    const fs::path folder = subfolder.empty() ? parent : parent / subfolder;
    std::error_code error;
    if (fs::is_regular_file(folder / file, error)) return folder;
  }
  return {};
}

void require_size(const std::string& label, std::int64_t bytes, const ExpectedFile& expected,
                  const std::string& advice) {
  if (bytes == expected.bytes) return;
  engine::fail_input("{}: {}: {} bytes, {} expected ({}); {}", label,
                     bytes < expected.bytes ? "truncated" : "too long", bytes, expected.bytes,
                     expected.explanation, advice);
}

void read_folder(const fs::path& folder, std::span<const ExpectedFile> files, const std::string& advice,
                 const FileSink& sink) {
  for (const ExpectedFile& file : files) {
    const fs::path path = folder / file.name;
    std::error_code error;
    if (!fs::exists(path, error)) engine::fail_input("{} is missing; {}", path.string(), advice);
    sink(file, path.string(), read_plain_file(path, file, advice));
  }
}

void read_archive(const fs::path& archive_path, const std::string& member_folder,
                  std::span<const ExpectedFile> files, const std::string& advice, const FileSink& sink) {
  require_regular(archive_path);
  const ArchivePtr reader = new_reader();
  if (archive_read_open_filename(reader.get(), archive_path.c_str(), kArchiveBlock) != ARCHIVE_OK)
    engine::fail_input("{}: {}; {}", archive_path.string(), archive_message(reader.get()), advice);
  std::vector<std::string> missing;
  for (const ExpectedFile& file : files) missing.push_back(file.name);
  for (int member = 0; !missing.empty(); ++member) {
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(reader.get(), &entry);
    if (status == ARCHIVE_EOF || member == kMostMembers)
      engine::fail_input("{} has no member {}/{}; {}", archive_path.string(), member_folder, missing.front(),
                         advice);
    if (status != ARCHIVE_OK)
      engine::fail_input("{}: {}; {}", archive_path.string(), archive_message(reader.get()), advice);
    const char* path = archive_entry_pathname(entry);
    const ExpectedFile* file = path ? match_member(without_dot(path), member_folder, files) : nullptr;
    if (!file || std::erase(missing, file->name) == 0) continue;
    const std::string label = archive_path.string() + ":" + path;
    sink(*file, label, read_member(reader.get(), entry, label, *file, advice));
  }
}

bool archive_holds_folder(const fs::path& archive_path, const std::string& folder) {
  require_regular(archive_path);
  const ArchivePtr reader = new_reader();
  archive_entry* entry = nullptr;
  if (archive_read_open_filename(reader.get(), archive_path.c_str(), kArchiveBlock) != ARCHIVE_OK ||
      archive_read_next_header(reader.get(), &entry) != ARCHIVE_OK)
    return false;
  const char* name = archive_entry_pathname(entry);
  return name && without_dot(name).starts_with(folder + "/");
}

GzipReader::GzipReader(const fs::path& path) : label_(path.string()), file_(nullptr) {
  require_regular(path);
  file_ = gzopen(path.c_str(), "rb");
  if (!file_) engine::fail_input("{}: {}", label_, std::strerror(errno));
}

GzipReader::~GzipReader() {
  gzclose(static_cast<gzFile>(file_));
}

std::int64_t GzipReader::read(std::span<std::uint8_t> out) {
  constexpr std::size_t kPiece = 1 << 24;
  std::size_t filled = 0;
  while (filled < out.size()) {
    const auto piece = static_cast<unsigned>(std::min(kPiece, out.size() - filled));
    const int got = gzread(static_cast<gzFile>(file_), out.data() + filled, piece);
    if (got < 0) {
      int code = 0;
      const char* message = gzerror(static_cast<gzFile>(file_), &code);
      engine::fail_input("{}: corrupt or truncated gzip stream after {} bytes: {}", label_,
                         position_ + static_cast<std::int64_t>(filled),
                         code == Z_ERRNO ? std::strerror(errno) : message);
    }
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  position_ += static_cast<std::int64_t>(filled);
  return static_cast<std::int64_t>(filled);
}

}  // namespace mebm::data

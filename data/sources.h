#pragma once
// Where a data set's bytes come from: plain or gzip-compressed files, members of a tar archive. Sizes are
// known from the format before anything is allocated, so a wrong file is refused instead of swallowed.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace mebm::data {

// One file of a data set as it is expected to be.
struct ExpectedFile {
  std::string name;         // file name, or the member's name in the archive without its folder
  std::int64_t bytes = 0;   // exact size, decompressed
  std::string explanation;  // what the size means: "10000 records of 3073 bytes"
};

// Receives each file in the order asked for. `label` names it in messages: path, or archive:member.
using FileSink =
    std::function<void(const ExpectedFile&, const std::string& label, std::span<const std::uint8_t>)>;

// `parent`/each subfolder that exists, the first that holds `file`; empty when none does.
std::filesystem::path find_folder(const std::filesystem::path& parent,
                                  std::span<const std::string_view> subfolders, const std::string& file);

// The file's size and expectation in one sentence; InputError unless they agree. `advice` says what to do.
void require_size(const std::string& label, std::int64_t bytes, const ExpectedFile& expected,
                  const std::string& advice);

// Reads `folder`/`name` of each expected file and hands it on. InputError: missing, truncated, too long,
// unreadable; `advice` (where to download it) ends the message.
void read_folder(const std::filesystem::path& folder, std::span<const ExpectedFile> files,
                 const std::string& advice, const FileSink& sink);

// The same from the members `member_folder`/`name` of a .tar or .tar.gz archive, nothing unpacked to disk and
// no other member read. The sink is called in the order of the archive.
void read_archive(const std::filesystem::path& archive, const std::string& member_folder,
                  std::span<const ExpectedFile> files, const std::string& advice, const FileSink& sink);

// Whether the first member of a tar archive lies in `folder`; false when the file is no such archive.
bool archive_holds_folder(const std::filesystem::path& archive, const std::string& folder);

// Bytes of a plain or gzip-compressed file, read in pieces (the header decides how much follows).
class GzipReader {
 public:
  // InputError when the file cannot be opened.
  explicit GzipReader(const std::filesystem::path& path);
  ~GzipReader();
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;

  // Reads up to out.size() bytes and returns how many there were. InputError when the stream is corrupt.
  std::int64_t read(std::span<std::uint8_t> out);

 private:
  std::string label_;
  std::int64_t position_ = 0;  // decompressed bytes read so far
  void* file_;                 // gzFile
};

}  // namespace mebm::data

#pragma once
// Zip archives as NumPy's .npz files are: stored or deflated members, no encryption, below 4 GiB.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

namespace mebm::metrics {

// Reads the central directory, then members on demand. Everything wrong with the file is an InputError naming
// file, member and what is wrong.
class ZipReader {
 public:
  struct Member {
    std::string name;
    std::uint16_t flags = 0, method = 0;
    std::uint32_t checksum = 0, compressed = 0, size = 0, header = 0;  // header: offset of the local one
  };

  explicit ZipReader(const std::filesystem::path& path);

  const std::string& file() const { return file_; }
  const std::vector<Member>& members() const { return members_; }
  // Null where there is none of that name.
  const Member* find(const std::string& name) const;
  // The member's bytes, its checksum verified. Nothing is allocated where the member says it is longer than
  // `most` or than its compressed bytes can become.
  std::vector<std::byte> read(const Member& member, std::uint64_t most);

 private:
  std::vector<std::byte> bytes_at(std::uint64_t offset, std::size_t count, const char* what);
  void read_directory(std::uint64_t offset, std::size_t bytes, std::size_t members);

  std::string file_;
  std::ifstream stream_;
  std::uint64_t file_size_ = 0;
  std::vector<Member> members_;
};

struct ZipMember {
  std::string name;
  std::vector<std::byte> bytes;
};
// An archive of stored members in this order; the same members give the same bytes.
std::vector<std::byte> make_zip(std::span<const ZipMember> members);

}  // namespace mebm::metrics

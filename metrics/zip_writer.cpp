#include <zlib.h>

#include <limits>

#include "engine/core/error.h"
#include "metrics/little_endian.h"
#include "metrics/zip.h"

namespace mebm::metrics {
namespace {

constexpr std::uint16_t kVersion = 20, kFirstDay = (1 << 5) | 1;  // zip 2.0; 1 January 1980

void append_text(std::vector<std::byte>& to, const std::string& text) {
  const auto* from = reinterpret_cast<const std::byte*>(text.data());
  to.insert(to.end(), from, from + text.size());
}

// What local header and directory entry share: versions to lengths of name and extra field.
void append_description(std::vector<std::byte>& to, const ZipMember& member) {
  const auto size = static_cast<std::uint32_t>(member.bytes.size());
  append(to, kVersion);
  append(to, std::uint16_t{0});  // flags
  append(to, std::uint16_t{0});  // stored
  append(to, std::uint16_t{0});  // time
  append(to, kFirstDay);
  append(to, static_cast<std::uint32_t>(
                 crc32_z(0, reinterpret_cast<const Bytef*>(member.bytes.data()), member.bytes.size())));
  append(to, size);
  append(to, size);
  append(to, static_cast<std::uint16_t>(member.name.size()));
  append(to, std::uint16_t{0});
}

}  // namespace

std::vector<std::byte> make_zip(std::span<const ZipMember> members) {
  std::size_t total = 0;
  for (const ZipMember& member : members) total += member.bytes.size() + 2 * member.name.size() + 128;
  engine::require(total < std::numeric_limits<std::uint32_t>::max() && members.size() < 1000,
                  "{} members of {} bytes are too many for a zip archive", members.size(), total);
  std::vector<std::byte> archive, directory;
  archive.reserve(total);
  for (const ZipMember& member : members) {
    const auto offset = static_cast<std::uint32_t>(archive.size());
    append(archive, std::uint32_t{0x04034b50});
    append_description(archive, member);
    append_text(archive, member.name);
    archive.insert(archive.end(), member.bytes.begin(), member.bytes.end());
    append(directory, std::uint32_t{0x02014b50});
    append(directory, kVersion);  // made by
    append_description(directory, member);
    append(directory, std::uint16_t{0});  // comment
    append(directory, std::uint16_t{0});  // disk
    append(directory, std::uint16_t{0});  // internal attributes
    append(directory, std::uint32_t{0});  // external attributes
    append(directory, offset);
    append_text(directory, member.name);
  }
  const auto count = static_cast<std::uint16_t>(members.size());
  const auto start = static_cast<std::uint32_t>(archive.size());
  archive.insert(archive.end(), directory.begin(), directory.end());
  append(archive, std::uint32_t{0x06054b50});
  append(archive, std::uint32_t{0});  // disks
  append(archive, count);
  append(archive, count);
  append(archive, static_cast<std::uint32_t>(directory.size()));
  append(archive, start);
  append(archive, std::uint16_t{0});  // comment
  return archive;
}

}  // namespace mebm::metrics

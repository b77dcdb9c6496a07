#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "engine/core/error.h"
#include "metrics/little_endian.h"
#include "metrics/zip.h"

namespace mebm::metrics {
namespace fs = std::filesystem;
namespace {

// Signatures and sizes of the records (PKWARE's APPNOTE 4.3).
constexpr std::uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50;
constexpr std::size_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22, kCommentBytes = 65535;
constexpr std::uint16_t kEncrypted = 1, kStored = 0, kDeflated = 8;
constexpr std::size_t kMostMembers = 1000, kMostDirectory = 1 << 20;
constexpr std::uint64_t kDeflateRatio = 1032;  // no deflate stream grows more

// A raw deflate stream of exactly `size` bytes; false where it is not.
bool inflate_all(std::span<const std::byte> from, std::vector<std::byte>& to) {
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(from.data()));
  stream.avail_in = static_cast<uInt>(from.size());
  stream.next_out = reinterpret_cast<Bytef*>(to.data());
  stream.avail_out = static_cast<uInt>(to.size());
  const bool whole =
      inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_out == 0 && stream.avail_in == 0;
  inflateEnd(&stream);
  return whole;
}

}  // namespace

ZipReader::ZipReader(const fs::path& path) : file_(path.string()) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) engine::fail_input("{}: there is no such file", file_);
  if (!fs::is_regular_file(status)) engine::fail_input("{}: is no regular file", file_);
  file_size_ = fs::file_size(path, error);
  stream_.open(path, std::ios::binary);
  if (error || !stream_) engine::fail_input("{}: cannot be opened: {}", file_, std::strerror(errno));
  const std::size_t tail_bytes = std::min<std::uint64_t>(file_size_, kEndBytes + kCommentBytes);
  const std::vector<std::byte> tail = bytes_at(file_size_ - tail_bytes, tail_bytes, "end");
  for (std::size_t at = tail_bytes < kEndBytes ? 0 : tail_bytes - kEndBytes + 1; at-- > 0;) {
    const std::byte* end = tail.data() + at;
    if (load<std::uint32_t>(end) != kEnd) continue;
    const auto bytes = load<std::uint32_t>(end + 12), offset = load<std::uint32_t>(end + 16);
    const auto count = load<std::uint16_t>(end + 10);
    if (count == 0xffff || offset == 0xffffffff)
      engine::fail_input("{}: a zip64 archive; statistics are below 4 GiB", file_);
    read_directory(offset, bytes, count);
    return;
  }
  engine::fail_input(
      "{}: no .npz file, or truncated: a zip archive's directory is missing at its end ({} bytes)", file_,
      file_size_);
}

std::vector<std::byte> ZipReader::bytes_at(std::uint64_t offset, std::size_t count, const char* what) {
  if (offset > file_size_ || count > file_size_ - offset)
    engine::fail_input("{}: damaged: {} bytes of {} at {} are beyond the file's end ({} bytes)", file_, count,
                       what, offset, file_size_);
  std::vector<std::byte> bytes(count);
  stream_.clear();
  stream_.seekg(static_cast<std::streamoff>(offset));
  stream_.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(count));
  if (static_cast<std::size_t>(stream_.gcount()) != count)
    engine::fail_input("{}: read {} of {} bytes of {} at {}", file_, stream_.gcount(), count, what, offset);
  return bytes;
}

void ZipReader::read_directory(std::uint64_t offset, std::size_t bytes, std::size_t members) {
  if (bytes > kMostDirectory || members > kMostMembers)
    engine::fail_input("{}: {} members in a directory of {} bytes: no file of statistics", file_, members,
                       bytes);
  const std::vector<std::byte> directory = bytes_at(offset, bytes, "the directory");
  for (std::size_t at = 0; members_.size() < members;) {
    const std::byte* record = directory.data() + at;
    if (directory.size() - at < kCentralBytes || load<std::uint32_t>(record) != kCentral)
      engine::fail_input("{}: damaged: the directory has {} of {} members", file_, members_.size(), members);
    const std::size_t name_bytes = load<std::uint16_t>(record + 28);
    const std::size_t record_bytes =
        kCentralBytes + name_bytes + load<std::uint16_t>(record + 30) + load<std::uint16_t>(record + 32);
    if (directory.size() - at < record_bytes)
      engine::fail_input("{}: damaged: the directory has {} of {} members", file_, members_.size(), members);
    Member member;
    member.name.assign(reinterpret_cast<const char*>(record + kCentralBytes), name_bytes);
    for (char& c : member.name)
      if (c < ' ' || c > '~') c = '?';
    member.flags = load<std::uint16_t>(record + 8);
    member.method = load<std::uint16_t>(record + 10);
    member.checksum = load<std::uint32_t>(record + 16);
    member.compressed = load<std::uint32_t>(record + 20);
    member.size = load<std::uint32_t>(record + 24);
    member.header = load<std::uint32_t>(record + 42);
    members_.push_back(std::move(member));
    at += record_bytes;
  }
}

const ZipReader::Member* ZipReader::find(const std::string& name) const {
  const auto found =
      std::find_if(members_.begin(), members_.end(), [&](const Member& m) { return m.name == name; });
  return found == members_.end() ? nullptr : &*found;
}

std::vector<std::byte> ZipReader::read(const Member& member, std::uint64_t most) {
  if (member.flags & kEncrypted) engine::fail_input("{}: {} is encrypted", file_, member.name);
  if (member.method != kStored && member.method != kDeflated)
    engine::fail_input("{}: {} is compressed by method {}; stored (0) and deflated (8) are read", file_,
                       member.name, member.method);
  if (member.size > most)
    engine::fail_input("{}: {} has {} bytes; {} at most are expected", file_, member.name, member.size, most);
  const bool stored = member.method == kStored;
  if (stored ? member.size != member.compressed : member.size / kDeflateRatio > member.compressed)
    engine::fail_input("{}: damaged: {} cannot have {} bytes in {}", file_, member.name, member.size,
                       member.compressed);
  const std::vector<std::byte> header = bytes_at(member.header, kLocalBytes, "a member's header");
  if (load<std::uint32_t>(header.data()) != kLocal)
    engine::fail_input("{}: damaged: no header of {} at {}", file_, member.name, member.header);
  const std::uint64_t data = std::uint64_t{member.header} + kLocalBytes +
                             load<std::uint16_t>(header.data() + 26) +
                             load<std::uint16_t>(header.data() + 28);
  std::vector<std::byte> bytes = bytes_at(data, member.compressed, member.name.c_str());
  if (!stored) {
    std::vector<std::byte> inflated(member.size);
    if (!inflate_all(bytes, inflated))
      engine::fail_input("{}: damaged: {} does not decompress to {} bytes", file_, member.name, member.size);
    bytes = std::move(inflated);
  }
  if (crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()) != member.checksum)
    engine::fail_input("{}: damaged: the checksum of {} is wrong", file_, member.name);
  return bytes;
}

}  // namespace mebm::metrics

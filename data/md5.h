#pragma once
// MD5 (RFC 1321), to compare files with the checksums their publishers print. Not for security.

#include <cstdint>
#include <span>
#include <string>

namespace mebm::data {

// Lower-case hexadecimal, 32 characters.
std::string md5_hex(std::span<const std::uint8_t> bytes);

// The same of a file's content; InputError when it cannot be read.
std::string md5_of_file(const std::string& path);

}  // namespace mebm::data

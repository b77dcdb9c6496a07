// Vectors of FIPS 180-4 / NIST's SHA example values.
#include "engine/io/sha256.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/io/sha256_compress.h"

namespace mebm::engine {
namespace {

std::string hash_of(const std::string& text) {
  return to_hex(sha256(std::as_bytes(std::span(text))));
}

TEST(Sha256, MatchesNistVectors) {
  EXPECT_EQ(hash_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hash_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hash_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hash_of("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                    "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"),
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  EXPECT_EQ(hash_of(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PiecesOfAnySizeGiveTheSameDigest) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += static_cast<char>(i * 7 + 3);
  for (std::size_t length = 0; length <= text.size(); ++length) {
    const std::string part = text.substr(0, length);
    const auto bytes = std::as_bytes(std::span(part));
    const std::size_t cut = length * 2 / 5;
    Sha256 hash;
    hash.update(bytes.first(cut));
    hash.update(bytes.subspan(cut));
    ASSERT_EQ(to_hex(hash.finish()), hash_of(part)) << length;
  }
}

TEST(Sha256, BothImplementationsAgree) {
  if (!sha256_instructions()) GTEST_SKIP() << "no SHA instructions on this processor";
  std::vector<std::uint8_t> blocks(64 * 50);
  for (std::size_t i = 0; i < blocks.size(); ++i) blocks[i] = static_cast<std::uint8_t>(i * i + 11 * i);
  for (std::size_t count = 0; count <= 50; ++count) {
    Sha256State portable{1, 2, 3, 0xffffffff, 5, 6, 0x80000000, 8}, instructions = portable;
    sha256_compress_portable(portable, blocks.data(), count);
    sha256_compress_instructions(instructions, blocks.data(), count);
    ASSERT_EQ(portable, instructions) << count;
  }
}

// hashlib.sha256(bytes(range(n))) at the lengths where the padding changes its form.
TEST(Sha256, PaddingBoundaries) {
  const auto counting = [](int n) {
    std::string text;
    for (int i = 0; i < n; ++i) text += static_cast<char>(i);
    return hash_of(text);
  };
  EXPECT_EQ(counting(55), "463eb28e72f82e0a96c0a4cc53690c571281131f672aa229e0d45ae59b598b59");
  EXPECT_EQ(counting(56), "da2ae4d6b36748f2a318f23e7ab1dfdf45acdc9d049bd80e59de82a60895f562");
  EXPECT_EQ(counting(63), "29af2686fd53374a36b0846694cc342177e428d1647515f078784d69cdb9e488");
  EXPECT_EQ(counting(64), "fdeab9acf3710362bd2658cdc9a29e8f9c757fcf9811603a8c447cd1d9151108");
  EXPECT_EQ(counting(119), "da18797ed7c3a777f0847f429724a2d8cd5138e6ed2895c3fa1a6d39d18f7ec6");
  EXPECT_EQ(counting(120), "f52b23db1fbb6ded89ef42a23ce0c8922c45f25c50b568a93bf1c075420bbb7c");
}

}  // namespace
}  // namespace mebm::engine

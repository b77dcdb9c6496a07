#include "engine/core/arena.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "engine/core/error.h"

namespace mebm::engine {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr std::size_t kMiB = std::size_t{1} << 20;

TEST(Arena, BlocksAreAlignedAndDoNotOverlap) {
  Arena arena;
  std::vector<Storage*> blocks;
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    blocks.push_back(arena.allocate(random() % 5000));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(blocks.back()->data) % Arena::kAlignment, 0u);
    std::fill_n(blocks.back()->data, blocks.back()->bytes, static_cast<std::byte>(i));
    if (i % 3 == 2) {
      const std::size_t victim = random() % blocks.size();
      arena.release(blocks[victim]);
      blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(victim));
    }
  }
  // A block that overlapped a later one would hold two values.
  for (Storage* block : blocks)
    for (std::size_t i = 1; i < block->bytes; ++i) ASSERT_EQ(block->data[i], block->data[0]);
  for (Storage* block : blocks) arena.release(block);
  EXPECT_EQ(arena.bytes_in_use(), 0u);
}

TEST(Arena, TakesTheBestFit) {
  Arena arena;
  Storage* wide = arena.allocate(1024);
  Storage* wall_a = arena.allocate(64);
  Storage* narrow = arena.allocate(256);
  Storage* wall_b = arena.allocate(64);
  std::byte* const wide_at = wide->data;
  std::byte* const narrow_at = narrow->data;
  arena.release(wide);
  arena.release(narrow);
  EXPECT_EQ(arena.allocate(200)->data, narrow_at);
  EXPECT_EQ(arena.allocate(200)->data, wide_at);
  EXPECT_EQ(arena.allocate(700)->data, wide_at + 256);  // what is left of the wide block
  EXPECT_NE(wall_a->data, wall_b->data);
}

TEST(Arena, MergesFreedNeighboursInEveryOrder) {
  std::vector<int> order{0, 1, 2};
  do {
    Arena arena;
    Storage* blocks[3] = {arena.allocate(64), arena.allocate(64), arena.allocate(64)};
    Storage* wall = arena.allocate(64);
    std::byte* const first = blocks[0]->data;
    for (int i : order) arena.release(blocks[i]);
    EXPECT_EQ(arena.allocate(192)->data, first) << order[0] << order[1] << order[2];
    arena.release(wall);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(Arena, WholeChunkIsOneBlockAgain) {
  Arena arena;
  std::vector<Storage*> blocks;
  for (int i = 0; i < 100; ++i) blocks.push_back(arena.allocate(1000));
  for (std::size_t i = 0; i < 100; ++i) arena.release(blocks[i * 37 % 100]);
  arena.allocate(Arena::kChunkBytes);
  EXPECT_EQ(arena.reservations(), 1u);
}

TEST(Arena, SameSequenceSameAddressesAndNoNewReservation) {
  Arena arena;
  const auto iteration = [&] {
    std::mt19937 random(7);
    std::vector<Storage*> live;
    std::vector<std::byte*> addresses;
    for (int i = 0; i < 300; ++i) {
      live.push_back(arena.allocate(random() % (4 * kMiB)));
      addresses.push_back(live.back()->data);
      if (i % 2 == 1) {
        const std::size_t victim = random() % live.size();
        arena.release(live[victim]);
        live.erase(live.begin() + static_cast<std::ptrdiff_t>(victim));
      }
    }
    for (Storage* block : live) arena.release(block);
    return addresses;
  };
  iteration();
  const std::uint64_t reservations = arena.reservations();
  const std::size_t peak = arena.peak_bytes();
  EXPECT_GT(reservations, 1u);
  EXPECT_EQ(iteration(), iteration());
  EXPECT_EQ(arena.reservations(), reservations);
  EXPECT_EQ(arena.peak_bytes(), peak);
}

TEST(Arena, CountsBytes) {
  Arena arena;
  EXPECT_EQ(arena.reserved_bytes(), 0u);
  Storage* a = arena.allocate(1);
  EXPECT_EQ(arena.bytes_in_use(), 64u);
  Storage* b = arena.allocate(65);
  EXPECT_EQ(arena.bytes_in_use(), 192u);
  arena.release(a);
  EXPECT_EQ(arena.bytes_in_use(), 128u);
  EXPECT_EQ(arena.peak_bytes(), 192u);
  EXPECT_EQ(arena.reserved_bytes(), Arena::kChunkBytes);
  arena.release(b);
}

TEST(Arena, IdentityIsNeverReused) {
  Arena arena;
  Storage* a = arena.allocate(64);
  const std::uint64_t id = a->id;
  a->version = 9;
  arena.release(a);
  Storage* b = arena.allocate(64);
  EXPECT_NE(b->id, id);
  EXPECT_EQ(b->version, 0u);
  EXPECT_EQ(b->references, 1u);
}

TEST(Arena, LimitNamesTheSizes) {
  Arena arena(300 * kMiB);
  arena.allocate(100 * kMiB);
  EXPECT_THAT([&] { arena.allocate(250 * kMiB); },
              ThrowsMessage<Error>(
                  HasSubstr("out of memory: 250 MiB more are needed beyond 256 MiB, the limit is 300 "
                            "MiB; lower data.batch_size, buffer.size or model.width")));
  arena.allocate(150 * kMiB);  // still usable, and
  arena.allocate(40 * kMiB);   // up to the limit
  EXPECT_LE(arena.reserved_bytes(), 300 * kMiB);
}

TEST(Arena, ALimitBelowTheChunkSizeIsUsable) {
  Arena arena(10 * kMiB);
  arena.allocate(9 * kMiB);
  EXPECT_LE(arena.reserved_bytes(), 10 * kMiB);
  EXPECT_THROW(arena.allocate(2 * kMiB), Error);
}

}  // namespace
}  // namespace mebm::engine

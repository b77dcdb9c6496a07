#include "kernels/chain_exchange/chain_exchange.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/emulated/device_array.h"
#include "tests/reference/test_data.h"

namespace mebm::test {
namespace {

namespace exchange = kernels::chain_exchange::device;
using exchange::Chain;

constexpr std::size_t kSize = 13;

// Rows in no order; every third chain restarts.
std::vector<Chain> chains_of(std::size_t count) {
  std::vector<Chain> chains;
  for (std::size_t j = 0; j < count; ++j)
    chains.push_back({static_cast<std::uint32_t>((5 * j + 3) % kSize), j % 3 == 1 ? 1u : 0u});
  return chains;
}

template <typename Real>
std::vector<Real> random_reals(std::size_t count, std::uint32_t seed) {
  return narrowed<Real>(reference::random_values(count, seed, -2, 2));
}

template <typename Real>
void expect_draw(std::size_t count, std::size_t elements, double bound) {
  const std::vector<Chain> chains = chains_of(count);
  const std::vector<Real> buffer = random_reals<Real>(kSize * elements, 1),
                          fresh = random_reals<Real>(count * elements, 2);
  std::vector<Real> expected;
  for (std::size_t j = 0; j < count; ++j)
    for (std::size_t e = 0; e < elements; ++e) {
      Real value = chains[j].restarted ? fresh[j * elements + e] : buffer[chains[j].row * elements + e];
      if (chains[j].restarted && bound > 0)
        value = std::clamp(value, static_cast<Real>(-bound), static_cast<Real>(bound));
      expected.push_back(value);
    }
  const DeviceArray<Chain> device_chains(chains);
  const DeviceArray<Real> device_buffer(buffer), device_fresh(fresh), out(count * elements);
  run_in_both_orders(
      [&] {
        out.poison();
        return exchange::draw<Real>(emulated_exec(), static_cast<std::int64_t>(count),
                                    static_cast<std::int64_t>(elements), bound, device_chains.get(), kSize,
                                    device_buffer.get(), device_fresh.get(), out.get());
      },
      [&] { return bytes_of(out.values()); });
  EXPECT_EQ(out.values(), expected) << count << " x " << elements;
}

template <typename Real>
void expect_write_back(std::size_t count, std::size_t elements) {
  const std::vector<Chain> chains = chains_of(count);
  const std::vector<Real> start = random_reals<Real>(kSize * elements, 3),
                          states = random_reals<Real>(count * elements, 4);
  std::vector<std::int32_t> start_ages;
  for (std::size_t row = 0; row < kSize; ++row) start_ages.push_back(static_cast<std::int32_t>(100 * row));
  std::vector<Real> expected = start;
  std::vector<std::int32_t> expected_ages = start_ages;
  for (std::size_t j = 0; j < count; ++j) {
    for (std::size_t e = 0; e < elements; ++e)
      expected[chains[j].row * elements + e] = states[j * elements + e];
    expected_ages[chains[j].row] = chains[j].restarted ? 20 : start_ages[chains[j].row] + 20;
  }
  const DeviceArray<Chain> device_chains(chains);
  const DeviceArray<Real> device_states(states), buffer(start.size());
  const DeviceArray<std::int32_t> ages(kSize);
  run_in_both_orders(
      [&] {
        buffer.set(start);
        ages.set(start_ages);
        return exchange::write_back<Real>(emulated_exec(), static_cast<std::int64_t>(count),
                                          static_cast<std::int64_t>(elements), 20, device_chains.get(), kSize,
                                          device_states.get(), buffer.get(), ages.get());
      },
      [&] { return bytes_of(buffer.values()); });
  EXPECT_EQ(buffer.values(), expected) << count << " x " << elements;
  EXPECT_EQ(ages.values(), expected_ages);
}

TEST(EmulatedChainExchange, Draws) {
  for (std::size_t elements : {1, 31, 33, 257, 3072})
    for (std::size_t count : {std::size_t{1}, std::size_t{7}, kSize})
      for (double bound : {0.0, 0.5}) {
        expect_draw<float>(count, elements, bound);
        expect_draw<double>(count, elements, bound);
      }
}

TEST(EmulatedChainExchange, WritesBack) {
  for (std::size_t elements : {1, 31, 33, 257, 3072})
    for (std::size_t count : {std::size_t{1}, std::size_t{7}, kSize}) {
      expect_write_back<float>(count, elements);
      expect_write_back<double>(count, elements);
    }
}

// Rows of a multiple of four elements that do not start at a 16-byte boundary.
TEST(EmulatedChainExchange, MisalignedRows) {
  const std::vector<Chain> chains{{1, 0}, {0, 1}};
  const DeviceArray<Chain> device_chains(chains);
  const DeviceArray<float> buffer(random_reals<float>(17, 1)), fresh(random_reals<float>(16, 2)), out(16);
  const kernels::Status status = exchange::draw<float>(emulated_exec(), 2, 8, 0, device_chains.get(), 2,
                                                       buffer.get() + 1, fresh.get(), out.get());
  ASSERT_TRUE(status.ok()) << status.error();
  const std::vector<float> from = buffer.values(), drawn = fresh.values(), to = out.values();
  for (std::size_t e = 0; e < 8; ++e) {
    EXPECT_EQ(to[e], from[1 + 8 + e]);
    EXPECT_EQ(to[8 + e], drawn[8 + e]);
  }
}

TEST(EmulatedChainExchange, SaysWhatItCannotDo) {
  EXPECT_EQ(
      exchange::draw<float>(emulated_exec(), 1, 0x7FFFFFFF, 0, nullptr, 2, nullptr, nullptr, nullptr).error(),
      "chain_exchange draw (1 of 2 chains x 2147483647): more elements than a 32-bit index holds");
}

TEST(EmulatedChainExchange, NoChains) {
  EXPECT_TRUE(exchange::draw<float>(emulated_exec(), 0, 8, 0, nullptr, 2, nullptr, nullptr, nullptr).ok());
  EXPECT_TRUE(
      exchange::write_back<float>(emulated_exec(), 0, 8, 1, nullptr, 2, nullptr, nullptr, nullptr).ok());
}

}  // namespace
}  // namespace mebm::test

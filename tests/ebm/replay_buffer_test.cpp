// Which rows an iteration continues, which restart, what is written back.

#include "ebm/replay_buffer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "engine/ops/elementwise.h"
#include "tests/ebm/statistics.h"
#include "tests/reference/test_data.h"

namespace mebm::ebm {
namespace {

using engine::DType;
using engine::Tensor;
using reference::Values;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

Values values_of(const Tensor& t) {
  Values out(static_cast<std::size_t>(t.elements()));
  engine::ops::read(t, out);
  return out;
}

class Buffer : public ::testing::Test {
 protected:
  ReplayBuffer make(std::int64_t size) {
    ReplayBuffer buffer(context_, size, kShape, DType::fp64);
    buffer.fill(p0_, key_);
    return buffer;
  }

  static constexpr ImageShape kShape{1, 2, 3};
  engine::Context context_;
  UniformInitialDistribution p0_{context_, kShape};
  const engine::PhiloxKey key_{17};
};

TEST(StratifiedRow, StaysInItsStratum) {
  for (auto [batch, size] : {std::pair<std::int64_t, std::int64_t>{7, 100}, {64, 10000}, {3, 3}, {5, 8}})
    for (std::int64_t j = 0; j < batch; ++j) {
      EXPECT_EQ(stratified_row(j, batch, size, 0), j * size / batch);
      EXPECT_EQ(stratified_row(j, batch, size, ~0u), (j + 1) * size / batch - 1);
    }
}

TEST_F(Buffer, FillIsOneKeyedDrawPerRow) {
  ReplayBuffer buffer = make(9);
  Tensor alone = context_.empty({1, 1, 2, 3}, DType::fp64);
  const std::vector<std::uint32_t> row{6};
  p0_.draw({key_, engine::RandomPurpose::buffer_fill, 0}, row, true, alone);
  EXPECT_EQ(values_of(buffer.images().rows(6, 1)), values_of(alone));
  EXPECT_NE(values_of(buffer.images().rows(5, 1)), values_of(alone));
}

TEST_F(Buffer, RowsAreDistinctAndStratified) {
  const ReplayBuffer buffer = make(100);
  for (std::int64_t batch : {1, 7, 64, 100})
    for (std::uint32_t iteration = 0; iteration < 20; ++iteration) {
      const ChainBatch chains = buffer.draw(p0_, key_, iteration, batch, 0.05);
      ASSERT_EQ(chains.rows.size(), static_cast<std::size_t>(batch));
      EXPECT_EQ(std::set<std::int64_t>(chains.rows.begin(), chains.rows.end()).size(), chains.rows.size());
      for (std::int64_t j = 0; j < batch; ++j) {
        EXPECT_GE(chains.rows[static_cast<std::size_t>(j)], j * 100 / batch);
        EXPECT_LT(chains.rows[static_cast<std::size_t>(j)], (j + 1) * 100 / batch);
      }
    }
}

// Restarted chains equal p0's draw of their slot; the others equal their buffer row, bit for bit.
TEST_F(Buffer, StartsComeFromTheBufferOrFromP0) {
  ReplayBuffer buffer = make(40);
  int restarted = 0;
  for (std::uint32_t iteration = 0; iteration < 10; ++iteration) {
    const ChainBatch chains = buffer.draw(p0_, key_, iteration, 8, 0.3);
    for (std::uint32_t j = 0; j < 8; ++j) {
      Tensor expected = context_.empty({1, 1, 2, 3}, DType::fp64);
      const std::vector<std::uint32_t> slot{j};
      if (chains.restarted[j])
        p0_.draw({key_, engine::RandomPurpose::initial_draw, iteration}, slot, true, expected);
      else
        expected = buffer.images().rows(chains.rows[j], 1);
      EXPECT_EQ(values_of(chains.images.rows(j, 1)), values_of(expected));
      restarted += chains.restarted[j];
    }
  }
  EXPECT_GT(restarted, 0);
  EXPECT_LT(restarted, 80);
}

// Words and uniforms come from the documented counters: index slot / 4, word slot % 4.
TEST_F(Buffer, ChoicesAreTheDocumentedFunctionsOfTheKey) {
  const ReplayBuffer buffer = make(1000);
  const ChainBatch chains = buffer.draw(p0_, key_, 5, 10, 0.5);
  for (std::uint32_t j = 0; j < 10; ++j) {
    const auto index = reference::philox({j / 4, 0, 1u << 24, 5}, {17, 0})[j % 4];
    EXPECT_EQ(chains.rows[j], 100 * j + (std::uint64_t{index} * 100 >> 32));
    const auto restart = reference::philox({j / 4, 0, 2u << 24, 5}, {17, 0})[j % 4];
    EXPECT_EQ(chains.restarted[j], (restart + 0.5) / 4294967296.0 < 0.5 ? 1 : 0);
  }
}

TEST_F(Buffer, RestartsHaveTheirRateAndAreIndependent) {
  const ReplayBuffer buffer = make(64);
  constexpr int kIterations = 600;
  double restarts = 0, next_iteration = 0, next_slot = 0;
  std::vector<std::uint8_t> before;
  for (std::uint32_t i = 0; i < kIterations; ++i) {
    const ChainBatch chains = buffer.draw(p0_, key_, i, 64, 0.05);
    for (std::size_t j = 0; j < 64; ++j) {
      restarts += chains.restarted[j];
      if (j > 0) next_slot += chains.restarted[j] * chains.restarted[j - 1];
      if (i > 0) next_iteration += chains.restarted[j] * before[j];
    }
    before = chains.restarted;
  }
  const double n = kIterations * 64.0;
  EXPECT_NEAR(restarts / n, 0.05, 4 * std::sqrt(0.05 * 0.95 / n));
  for (double pairs : {next_iteration, next_slot})
    EXPECT_NEAR(pairs / n, 0.0025, 4 * std::sqrt(0.0025 / n) + 0.0025 / 64);
  EXPECT_EQ(testing::Matches(testing::Each(1))(buffer.draw(p0_, key_, 0, 64, 1).restarted), true);
  EXPECT_EQ(testing::Matches(testing::Each(0))(buffer.draw(p0_, key_, 0, 64, 0).restarted), true);
}

// Row offsets are uniform, and independent of the iteration before, of the neighbouring slot and of the
// restart.
TEST_F(Buffer, IndicesAreUniformAndIndependent) {
  const ReplayBuffer buffer = make(160);  // 16 slots of 10 rows
  std::vector<double> offsets(10), iterations(100), slots(100);
  std::vector<std::int64_t> before;
  for (std::uint32_t i = 0; i < 1500; ++i) {
    const ChainBatch chains = buffer.draw(p0_, key_, i, 16, 0);
    for (std::size_t j = 0; j < 16; ++j) {
      const auto offset = static_cast<std::size_t>(chains.rows[j] % 10);
      ++offsets[offset];
      if (j % 2 == 1) ++slots[offset * 10 + static_cast<std::size_t>(chains.rows[j - 1] % 10)];
      if (i % 2 == 1) ++iterations[offset * 10 + static_cast<std::size_t>(before[j] % 10)];
    }
    before = chains.rows;
  }
  EXPECT_LT(std::abs(chi_square_score(offsets)), 4);
  EXPECT_LT(std::abs(chi_square_score(iterations)), 4);
  EXPECT_LT(std::abs(chi_square_score(slots)), 4);
}

TEST_F(Buffer, WriteBackChangesItsRowsAndTheirAges) {
  ReplayBuffer buffer = make(20);
  const Values before = values_of(buffer.images());
  ChainBatch chains = buffer.draw(p0_, key_, 3, 4, 0);
  chains.restarted = {0, 1, 0, 0};
  buffer.ages()[static_cast<std::size_t>(chains.rows[0])] = 15;
  buffer.ages()[static_cast<std::size_t>(chains.rows[1])] = 15;
  engine::ops::fill(context_, 0.25, chains.images);
  buffer.write_back(chains);
  buffer.advance_ages(chains, 5);
  const Values after = values_of(buffer.images());
  const std::set<std::int64_t> written(chains.rows.begin(), chains.rows.end());
  for (std::size_t i = 0; i < after.size(); ++i)
    EXPECT_EQ(after[i], written.contains(static_cast<std::int64_t>(i / 6)) ? 0.25 : before[i]);
  EXPECT_EQ(buffer.ages()[static_cast<std::size_t>(chains.rows[0])], 20);
  EXPECT_EQ(buffer.ages()[static_cast<std::size_t>(chains.rows[1])], 5);
  EXPECT_EQ(buffer.ages()[static_cast<std::size_t>(chains.rows[2])], 5);
  // The next iteration continues from there.
  const ChainBatch again = buffer.draw(p0_, key_, 3, 4, 0);
  EXPECT_EQ(values_of(again.images), Values(24, 0.25));
}

TEST_F(Buffer, Errors) {
  ReplayBuffer buffer = make(4);
  EXPECT_THAT([&] { buffer.draw(p0_, key_, 0, 5, 0.05); },
              ThrowsMessage<engine::Error>(HasSubstr("5 chains cannot be drawn from a buffer of 4")));
  const UniformInitialDistribution other(context_, {3, 2, 3});
  EXPECT_THAT([&] { buffer.fill(other, key_); },
              ThrowsMessage<engine::Error>(HasSubstr("do not fit the replay buffer")));
}

}  // namespace
}  // namespace mebm::ebm

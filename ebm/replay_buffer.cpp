#include "ebm/replay_buffer.h"

#include <algorithm>
#include <numeric>

#include "engine/ops/elementwise.h"

namespace mebm::ebm {

using engine::RandomPurpose;
using engine::Tensor;
using engine::WriteMode;
namespace ops = engine::ops;

std::int64_t stratified_row(std::int64_t slot, std::int64_t batch, std::int64_t size, std::uint32_t word) {
  const std::int64_t begin = slot * size / batch, end = (slot + 1) * size / batch;
  return begin + engine::index_from_word(word, static_cast<std::uint32_t>(end - begin));
}

ReplayBuffer::ReplayBuffer(engine::Context& context, std::int64_t size, const ImageShape& shape,
                           engine::DType dtype)
    : context_(context),
      shape_(shape),
      images_(context.empty({size, shape.channels, shape.height, shape.width}, dtype)),
      ages_(static_cast<std::size_t>(size), 0) {}

void ReplayBuffer::fill(const InitialDistribution& initial, engine::PhiloxKey key) {
  engine::require(initial.image_shape() == shape_,
                  "the initial distribution's images do not fit the replay buffer");
  std::vector<std::uint32_t> slots(static_cast<std::size_t>(size()));
  std::iota(slots.begin(), slots.end(), 0u);
  initial.draw({key, RandomPurpose::buffer_fill, 0}, slots, true, images_);
  std::fill(ages_.begin(), ages_.end(), 0);
}

ChainBatch ReplayBuffer::draw(const InitialDistribution& initial, engine::PhiloxKey key,
                              std::uint32_t iteration, std::int64_t batch, double reinit_probability) const {
  engine::require(batch >= 1 && batch <= size(), "{} chains cannot be drawn from a buffer of {}", batch,
                  size());
  ChainBatch chains;
  chains.images = context_.empty(images_.shape().with_rows(batch), images_.dtype());
  std::vector<std::uint32_t> restarts;
  for (std::int64_t j = 0; j < batch; ++j) {
    const auto slot = static_cast<std::uint32_t>(j);
    const std::uint32_t word =
        engine::random_words(key, RandomPurpose::buffer_index, iteration, 0, 0, slot / 4).word[slot % 4];
    chains.rows.push_back(stratified_row(j, batch, size(), word));
    const bool restart = engine::random_uniform<double>(key, RandomPurpose::restart, iteration, 0, 0, slot) <
                         reinit_probability;
    chains.restarted.push_back(restart ? 1 : 0);
    if (restart) restarts.push_back(slot);
    if (restart) continue;
    Tensor to = chains.images.rows(j, 1);
    ops::copy(context_, images_.rows(chains.rows.back(), 1), to, WriteMode::overwrite);
  }
  if (restarts.empty()) return chains;
  Tensor fresh =
      context_.empty(images_.shape().with_rows(static_cast<std::int64_t>(restarts.size())), images_.dtype());
  initial.draw({key, RandomPurpose::initial_draw, iteration}, restarts, true, fresh);
  for (std::size_t r = 0; r < restarts.size(); ++r) {
    Tensor to = chains.images.rows(restarts[r], 1);
    ops::copy(context_, fresh.rows(static_cast<std::int64_t>(r), 1), to, WriteMode::overwrite);
  }
  return chains;
}

void ReplayBuffer::write_back(const ChainBatch& chains, std::int32_t steps) {
  for (std::size_t j = 0; j < chains.rows.size(); ++j) {
    Tensor to = images_.rows(chains.rows[j], 1);
    ops::copy(context_, chains.images.rows(static_cast<std::int64_t>(j), 1), to, WriteMode::overwrite);
    std::int32_t& age = ages_[static_cast<std::size_t>(chains.rows[j])];
    age = (chains.restarted[j] ? 0 : age) + steps;
  }
  images_.bump_version();
}

}  // namespace mebm::ebm

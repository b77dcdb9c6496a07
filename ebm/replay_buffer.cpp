#include "ebm/replay_buffer.h"

#include <algorithm>
#include <numeric>

#include "engine/ops/batches.h"
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

void ReplayBuffer::choose(engine::PhiloxKey key, std::uint32_t iteration, std::int64_t batch,
                          double reinit_probability, ChainBatch& chains) const {
  engine::require(batch >= 1 && batch <= size(), "{} chains cannot be drawn from a buffer of {}", batch,
                  size());
  chains.rows.clear();
  chains.restarted.clear();
  chains.drawn.clear();
  chains.drawn.reserve(static_cast<std::size_t>(batch));
  for (std::int64_t j = 0; j < batch; ++j) {
    const auto slot = static_cast<std::uint32_t>(j);
    const std::uint32_t word =
        engine::random_words(key, RandomPurpose::buffer_index, iteration, 0, 0, slot / 4).word[slot % 4];
    chains.rows.push_back(stratified_row(j, batch, size(), word));
    const bool restart = engine::random_uniform<double>(key, RandomPurpose::restart, iteration, 0, 0, slot) <
                         reinit_probability;
    chains.restarted.push_back(restart ? 1 : 0);
    if (restart || context_.on_device()) chains.drawn.push_back(slot);
  }
  if (!chains.images.defined() || chains.images.extent(0) != batch) {
    chains.images = context_.empty(images_.shape().with_rows(batch), images_.dtype());
    if (context_.on_device()) chains.sources = context_.empty({batch, 2}, engine::DType::int32);
  }
  if (!context_.on_device()) return;
  std::vector<ops::ChainSource> sources;
  for (std::size_t j = 0; j < chains.rows.size(); ++j)
    sources.push_back({static_cast<std::uint32_t>(chains.rows[j]), chains.restarted[j]});
  ops::upload(context_, sources.data(), sources.size() * sizeof(ops::ChainSource), chains.sources);
}

void ReplayBuffer::start(const InitialDistribution& initial, engine::PhiloxKey key,
                         const engine::Scalar<std::uint32_t>& iteration, ChainBatch& chains) const {
  const DrawKey draw_key{key, RandomPurpose::initial_draw, iteration};
  if (context_.on_device()) {
    Tensor fresh = context_.empty(chains.images.shape(), images_.dtype());
    initial.draw(draw_key, chains.drawn, true, fresh);
    return ops::draw_chains(context_, chains.sources, images_, fresh, chains.images);
  }
  for (std::size_t j = 0; j < chains.rows.size(); ++j) {
    if (chains.restarted[j]) continue;
    Tensor to = chains.images.rows(static_cast<std::int64_t>(j), 1);
    ops::copy(context_, images_.rows(chains.rows[j], 1), to, WriteMode::overwrite);
  }
  if (chains.drawn.empty()) return;
  const auto count = static_cast<std::int64_t>(chains.drawn.size());
  Tensor fresh = context_.empty(images_.shape().with_rows(count), images_.dtype());
  initial.draw(draw_key, chains.drawn, true, fresh);
  for (std::size_t r = 0; r < chains.drawn.size(); ++r) {
    Tensor to = chains.images.rows(chains.drawn[r], 1);
    ops::copy(context_, fresh.rows(static_cast<std::int64_t>(r), 1), to, WriteMode::overwrite);
  }
}

ChainBatch ReplayBuffer::draw(const InitialDistribution& initial, engine::PhiloxKey key,
                              std::uint32_t iteration, std::int64_t batch, double reinit_probability) const {
  ChainBatch chains;
  choose(key, iteration, batch, reinit_probability, chains);
  start(initial, key, iteration, chains);
  return chains;
}

void ReplayBuffer::write_back(const ChainBatch& chains) {
  if (context_.on_device()) return ops::write_back_chains(context_, chains.sources, chains.images, images_);
  for (std::size_t j = 0; j < chains.rows.size(); ++j) {
    Tensor to = images_.rows(chains.rows[j], 1);
    ops::copy(context_, chains.images.rows(static_cast<std::int64_t>(j), 1), to, WriteMode::overwrite);
  }
  images_.bump_version();
}

void ReplayBuffer::advance_ages(const ChainBatch& chains, std::int32_t steps) {
  for (std::size_t j = 0; j < chains.rows.size(); ++j) {
    std::int32_t& age = ages_[static_cast<std::size_t>(chains.rows[j])];
    age = (chains.restarted[j] ? 0 : age) + steps;
  }
}

}  // namespace mebm::ebm

#pragma once
// The replay buffer of chains (SPEC section 5): which rows an iteration continues, which restart, write-back.

#include <cstdint>
#include <vector>

#include "ebm/initial_distribution.h"
#include "engine/core/random.h"
#include "engine/device/context.h"

namespace mebm::ebm {

// The chains of one iteration.
struct ChainBatch {
  std::vector<std::int64_t> rows;       // [B] buffer rows, distinct
  std::vector<std::uint8_t> restarted;  // [B] 1: the chain starts from p0
  std::vector<std::uint32_t> drawn;     // slots that draw from p0: where `restarted`, on a device all
  engine::Tensor images;                // [B,C,H,W] the starts; advanced in place by the sampler
  engine::Tensor sources;               // on a device: rows and restarts where it reads them
};

// Row of slot j of a batch of B: uniform in the stratum [floor(j N / B), floor((j + 1) N / B)); rows of
// different slots are distinct, and no communication between ranks is needed. word: Philox word of the slot.
std::int64_t stratified_row(std::int64_t slot, std::int64_t batch, std::int64_t size, std::uint32_t word);

class ReplayBuffer {
 public:
  // Room for `size` images; fill() or the checkpoint fills it.
  ReplayBuffer(engine::Context& context, std::int64_t size, const ImageShape& shape, engine::DType dtype);

  // Every row its own draw of p0 (purpose buffer_fill, slot = row).
  void fill(const InitialDistribution& initial, engine::PhiloxKey key);
  // Chooses the rows and restarts of an iteration, into a batch that may have been used before: its memory is
  // kept where the size is the same.
  void choose(engine::PhiloxKey key, std::uint32_t iteration, std::int64_t batch, double reinit_probability,
              ChainBatch& chains) const;
  // The chosen starts. On the CPU only restarted chains draw from p0; a device draws for all and selects.
  void start(const InitialDistribution& initial, engine::PhiloxKey key,
             const engine::Scalar<std::uint32_t>& iteration, ChainBatch& chains) const;
  // Both.
  ChainBatch draw(const InitialDistribution& initial, engine::PhiloxKey key, std::uint32_t iteration,
                  std::int64_t batch, double reinit_probability) const;
  // Writes the advanced chains back.
  void write_back(const ChainBatch& chains);
  // Adds `steps` to the chains' ages (restarted chains count from 0).
  void advance_ages(const ChainBatch& chains, std::int32_t steps);

  std::int64_t size() const { return images_.extent(0); }
  engine::Tensor& images() { return images_; }
  std::vector<std::int32_t>& ages() { return ages_; }

 private:
  engine::Context& context_;
  ImageShape shape_;
  engine::Tensor images_;           // [size,C,H,W]
  std::vector<std::int32_t> ages_;  // Langevin steps since the chain's start
};

}  // namespace mebm::ebm

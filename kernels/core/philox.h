#pragma once
// Counter-based random numbers: Philox4x32-10 (Salmon et al., SC 2011), one source for host and device.
//
// Every random choice of the engine is a function of (seed, purpose, iteration or epoch, index):
//   key     = {seed low word, seed high word}
//   counter = {index / 4, slot, step | purpose << 24, iteration}
// so a run resumes bit for bit and does not depend on the number of threads or ranks (SPEC section 5).

#include <cstdint>

#include "kernels/compat/host_device.h"

namespace mebm::kernels {

// What a random number is for. Values are part of the file format (a resumed run must see the same numbers).
enum class RandomPurpose : std::uint32_t {
  langevin_noise =
      0,             // slot = global chain slot, step = Langevin step, element in N,C,H,W order of one image
  buffer_index = 1,  // index = global chain slot: row within the stratum
  restart = 2,       // index = global chain slot: uniform < reinit_probability restarts the chain
  initial_draw = 3,  // slot = global chain slot: z of the restart draw
  buffer_fill = 4,   // slot = buffer row: z of the row's first draw
  shuffle_positives = 5,  // iteration = epoch of that stream: keys of the permutation
  shuffle_labelled = 6,
  crop = 7,  // index = position in the labelled batch: 4 words = row offset, column offset, flip, free
  initial_weights = 8,  // slot = parameter number, index = element
  validation_split = 9,
  sample_fill = 10,          // z of chains started by the sample command; slot = chain
  chain_class = 11,          // class of a class-conditional chain
  data_noise = 12,           // noise added to data images
  initial_draw_jitter = 13,  // z' of the factor-free draw
  chain_mask = 14,           // index = pixel, slot = chain: which pixels of a given image a chain may change
  evaluation_noise = 15      // as langevin_noise, of chains that judge a model while it trains
};

struct PhiloxKey {
  std::uint32_t low = 0, high = 0;

  PhiloxKey() = default;
  MEBM_HOST_DEVICE explicit PhiloxKey(std::uint64_t seed)
      : low(static_cast<std::uint32_t>(seed)), high(static_cast<std::uint32_t>(seed >> 32)) {}
};

struct PhiloxWords {
  std::uint32_t word[4];
};

// One round of Philox4x32 on counter {c0, c1, c2, c3} under key words k0, k1.
MEBM_HOST_DEVICE void philox_round(std::uint32_t& c0, std::uint32_t& c1, std::uint32_t& c2, std::uint32_t& c3,
                                   std::uint32_t k0, std::uint32_t k1) {
  const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c0;
  const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * c2;
  c0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
  c2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
  c1 = static_cast<std::uint32_t>(p1);
  c3 = static_cast<std::uint32_t>(p0);
}
// By how much the key words grow from round to round.
inline constexpr std::uint32_t kPhiloxRaise0 = 0x9E3779B9u, kPhiloxRaise1 = 0xBB67AE85u;

// Ten rounds of Philox4x32 on counter {c0, c1, c2, c3}.
MEBM_HOST_DEVICE PhiloxWords philox4x32_10(PhiloxKey key, std::uint32_t c0, std::uint32_t c1,
                                           std::uint32_t c2, std::uint32_t c3) {
  for (std::uint32_t round = 0; round < 10; ++round)
    philox_round(c0, c1, c2, c3, key.low + round * kPhiloxRaise0, key.high + round * kPhiloxRaise1);
  return {{c0, c1, c2, c3}};
}

// The four words of element group `group` (= element / 4) under the counter layout above. step < 2^24.
MEBM_HOST_DEVICE PhiloxWords random_words(PhiloxKey key, RandomPurpose purpose, std::uint32_t iteration,
                                          std::uint32_t slot, std::uint32_t step, std::uint32_t group) {
  return philox4x32_10(key, group, slot, step | (static_cast<std::uint32_t>(purpose) << 24), iteration);
}

// u = (r + 1/2) 2^-32, in (0, 1) (fp32 rounds the largest words to 1).
template <typename T>
MEBM_HOST_DEVICE T uniform_from_word(std::uint32_t r) {
  return (static_cast<T>(r) + T(0.5)) * T(2.3283064365386963e-10);
}

// Element `index` of the uniform sequence keyed by (purpose, iteration, slot, step).
template <typename T>
MEBM_HOST_DEVICE T random_uniform(PhiloxKey key, RandomPurpose purpose, std::uint32_t iteration,
                                  std::uint32_t slot, std::uint32_t step, std::uint32_t index) {
  return uniform_from_word<T>(random_words(key, purpose, iteration, slot, step, index / 4).word[index % 4]);
}

// floor(r * n / 2^32): a word scaled to 0 ... n - 1 (bias below n / 2^32).
MEBM_HOST_DEVICE std::uint32_t index_from_word(std::uint32_t r, std::uint32_t n) {
  return static_cast<std::uint32_t>((std::uint64_t{r} * n) >> 32);
}

}  // namespace mebm::kernels

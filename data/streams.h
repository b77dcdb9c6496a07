#pragma once
// Which images an iteration sees: keyed permutations of the set, one stream for positives and one for
// labelled images, and the seeded validation split. Everything is a pure function of (seed, purpose,
// iteration), so a resumed run needs no state.

#include <cstdint>
#include <vector>

#include "engine/core/random.h"

namespace mebm::data {

// 0 ... count - 1: every image of a set, in order.
std::vector<std::int64_t> ascending(std::int64_t count);

// Permutation of 0 ... count-1 by Fisher-Yates: for i = count-1 down to 1, swap i with floor(w_i (i+1) /
// 2^32), w_i word i of the sequence keyed by (key, purpose, iteration = pass).
std::vector<std::int64_t> keyed_permutation(std::int64_t count, engine::PhiloxKey key,
                                            engine::RandomPurpose purpose, std::uint32_t pass);

// Mini-batches of image indices. Every pass over the images is a permutation of its own, cut into batches of
// batch_size; an incomplete tail is dropped. A batch as large as the set takes every image once.
// Not thread-safe: the current pass is cached.
class BatchStream {
 public:
  // `images`: the dataset indices to draw from (a training split). purpose: shuffle_positives or
  // shuffle_labelled. InputError when batch_size < 1 or larger than the number of images.
  BatchStream(std::vector<std::int64_t> images, std::int64_t batch_size, std::uint64_t seed,
              engine::RandomPurpose purpose);
  // The same over 0 ... count-1.
  BatchStream(std::int64_t count, std::int64_t batch_size, std::uint64_t seed, engine::RandomPurpose purpose);

  // Dataset indices of the batch of `iteration` (>= 0), batch_size of them.
  std::vector<std::int64_t> indices(std::int64_t iteration);
  // The same, into a vector whose memory is kept.
  void indices(std::int64_t iteration, std::vector<std::int64_t>& batch);

  std::int64_t batch_size() const { return batch_size_; }
  std::int64_t batches_per_pass() const { return static_cast<std::int64_t>(images_.size()) / batch_size_; }

 private:
  std::vector<std::int64_t> images_;
  std::int64_t batch_size_;
  engine::PhiloxKey key_;
  engine::RandomPurpose purpose_;
  std::int64_t cached_pass_ = -1;
  std::vector<std::int64_t> permutation_;  // of the cached pass
};

// Both lists ascending; together they are 0 ... count-1.
struct ValidationSplit {
  std::vector<std::int64_t> train, validation;
};

// Holds out `validation` of `count` training images, chosen by the seed alone (purpose validation_split).
// InputError unless 0 <= validation < count.
ValidationSplit split_validation(std::int64_t count, std::int64_t validation, std::uint64_t seed);

}  // namespace mebm::data

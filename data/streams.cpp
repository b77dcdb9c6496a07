#include "data/streams.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "engine/core/error.h"

namespace mebm::data {
namespace {

constexpr std::int64_t kLargestSet =
    std::numeric_limits<std::uint32_t>::max();  // indices are drawn from one word

// Overwrites all of `permutation`.
void permute(engine::PhiloxKey key, engine::RandomPurpose purpose, std::uint32_t pass,
             std::vector<std::int64_t>& permutation) {
  std::iota(permutation.begin(), permutation.end(), std::int64_t{0});
  engine::PhiloxWords words{};
  std::int64_t group = -1;
  for (std::int64_t i = static_cast<std::int64_t>(permutation.size()) - 1; i > 0; --i) {
    if (i / 4 != group) {
      group = i / 4;
      words = engine::random_words(key, purpose, pass, 0, 0, static_cast<std::uint32_t>(group));
    }
    const std::uint32_t other = engine::index_from_word(words.word[i % 4], static_cast<std::uint32_t>(i + 1));
    std::swap(permutation[static_cast<std::size_t>(i)], permutation[other]);
  }
}

}  // namespace

std::vector<std::int64_t> ascending(std::int64_t count) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(std::max<std::int64_t>(count, 0)));
  std::iota(indices.begin(), indices.end(), std::int64_t{0});
  return indices;
}

std::vector<std::int64_t> keyed_permutation(std::int64_t count, engine::PhiloxKey key,
                                            engine::RandomPurpose purpose, std::uint32_t pass) {
  engine::require(count >= 0 && count <= kLargestSet, "permutation of {} images: 0 ... {} are possible",
                  count, kLargestSet);
  std::vector<std::int64_t> permutation(static_cast<std::size_t>(count));
  permute(key, purpose, pass, permutation);
  return permutation;
}

BatchStream::BatchStream(std::vector<std::int64_t> images, std::int64_t batch_size, std::uint64_t seed,
                         engine::RandomPurpose purpose)
    : images_(std::move(images)), batch_size_(batch_size), key_(seed), purpose_(purpose) {
  const auto count = static_cast<std::int64_t>(images_.size());
  engine::require(count <= kLargestSet, "a stream over {} images: at most {} are possible", count,
                  kLargestSet);
  if (batch_size < 1) engine::fail_input("batch of {} images: it must hold at least 1", batch_size);
  if (batch_size > count)
    engine::fail_input(
        "a batch of {} images is larger than the data set of {}: lower the batch size to at most {}",
        batch_size, count, count);
}

BatchStream::BatchStream(std::int64_t count, std::int64_t batch_size, std::uint64_t seed,
                         engine::RandomPurpose purpose)
    : BatchStream(ascending(count), batch_size, seed, purpose) {}

std::vector<std::int64_t> BatchStream::indices(std::int64_t iteration) {
  std::vector<std::int64_t> batch;
  indices(iteration, batch);
  return batch;
}

void BatchStream::indices(std::int64_t iteration, std::vector<std::int64_t>& batch) {
  engine::require(iteration >= 0, "batch of iteration {}: iterations count from 0", iteration);
  const std::int64_t pass = iteration / batches_per_pass();
  engine::require(pass <= std::numeric_limits<std::uint32_t>::max(),
                  "iteration {} is in pass {} over {} images, "
                  "more than 2^32 passes",
                  iteration, pass, images_.size());
  if (pass != cached_pass_) {
    permutation_.resize(images_.size());
    permute(key_, purpose_, static_cast<std::uint32_t>(pass), permutation_);
    cached_pass_ = pass;
  }
  const auto first = permutation_.begin() + (iteration % batches_per_pass()) * batch_size_;
  batch.resize(static_cast<std::size_t>(batch_size_));
  std::transform(first, first + batch_size_, batch.begin(),
                 [this](std::int64_t position) { return images_[static_cast<std::size_t>(position)]; });
}

ValidationSplit split_validation(std::int64_t count, std::int64_t validation, std::uint64_t seed) {
  if (validation < 0 || validation >= count)
    engine::fail_input("a validation split of {} out of {} training images: it must be 0 ... {}", validation,
                       count, count - 1);
  const std::vector<std::int64_t> order =
      keyed_permutation(count, engine::PhiloxKey(seed), engine::RandomPurpose::validation_split, 0);
  ValidationSplit split;
  split.validation.assign(order.begin(), order.begin() + validation);
  split.train.assign(order.begin() + validation, order.end());
  std::sort(split.validation.begin(), split.validation.end());
  std::sort(split.train.begin(), split.train.end());
  return split;
}

}  // namespace mebm::data

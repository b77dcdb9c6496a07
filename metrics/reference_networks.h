#pragma once
// The feature networks every copy of the program carries (docs/evaluation.md): a distance measured in their
// features, FD-ref, can be computed and repeated by everyone.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace mebm::metrics {

struct ReferenceNetwork {
  std::string_view set;                   // data set whose classifier it is, as in the configuration
  std::string_view digest;                // SHA-256 of the file, hexadecimal
  double initial_distance;                // FD-ref of p0, as kInitialDraws says
  std::span<const std::byte> checkpoint;  // the file: a weights-only checkpoint with the statistics of its
                                          // features over the official training images
};

// initial_distance: p0 fitted to the official training images (jitter 1e-4), this many draws with seed 1
// (slots 0 ..., purpose sample_fill), clamped to [-1,1], rounded to the nearest byte; against the statistics
// in the file.
inline constexpr std::int64_t kInitialDraws = 5000;

std::span<const ReferenceNetwork> reference_networks();
// Null where there is none for the set.
const ReferenceNetwork* find_reference_network(std::string_view set);
// "cifar10, fashion-mnist", for messages.
std::string known_reference_networks();

}  // namespace mebm::metrics

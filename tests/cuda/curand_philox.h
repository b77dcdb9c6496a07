#pragma once
// cuRAND's Philox4x32-10, compiled for the host, where the toolkit has it.

#include <array>
#include <cstdint>
#include <optional>

namespace mebm::test {

// Words of the counter under the key {low, high}; nothing where there is no cuRAND.
std::optional<std::array<std::uint32_t, 4>> curand_words(std::array<std::uint32_t, 2> key,
                                                         std::array<std::uint32_t, 4> counter);

}  // namespace mebm::test

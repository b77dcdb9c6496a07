#include "tests/cuda/curand_philox.h"

#include <vector_types.h>

#define QUALIFIERS static inline
#include <curand_philox4x32_x.h>

namespace mebm::test {

std::optional<std::array<std::uint32_t, 4>> curand_words(std::array<std::uint32_t, 2> key,
                                                         std::array<std::uint32_t, 4> counter) {
  const uint4 words =
      curand_Philox4x32_10({counter[0], counter[1], counter[2], counter[3]}, {key[0], key[1]});
  return std::array<std::uint32_t, 4>{words.x, words.y, words.z, words.w};
}

}  // namespace mebm::test

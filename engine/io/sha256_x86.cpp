#include "engine/io/sha256_compress.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

namespace mebm::engine {

bool sha256_instructions() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0 || (ebx & bit_SHA) == 0) return false;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_SSE4_1) != 0;
}

// The instructions keep the state as (a, b, e, f) and (c, d, g, h), highest lane first, and do two rounds
// each.
__attribute__((target("sha,sse4.1"))) void sha256_compress_instructions(Sha256State& state,
                                                                        const std::uint8_t* block,
                                                                        std::size_t count) {
  const auto lane = [&](std::size_t i) { return static_cast<int>(state[i]); };
  __m128i abef = _mm_set_epi32(lane(0), lane(1), lane(4), lane(5));
  __m128i cdgh = _mm_set_epi32(lane(2), lane(3), lane(6), lane(7));
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  for (; count > 0; --count, block += 64) {
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i w[4];  // the message schedule's latest 16 words
    for (int i = 0; i < 4; ++i)
      w[i] = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(block) + i), big_endian);
#pragma GCC unroll 16
    for (int g = 0; g < 16; ++g) {  // four rounds each
      const auto* rounds = reinterpret_cast<const __m128i*>(kSha256Rounds.data() + 4 * g);
      const __m128i wk = _mm_add_epi32(w[g % 4], _mm_loadu_si128(rounds));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, wk);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(wk, 0x0e));
      if (g >= 12) continue;
      const __m128i previous = w[(g + 3) % 4];
      const __m128i partial = _mm_add_epi32(_mm_sha256msg1_epu32(w[g % 4], w[(g + 1) % 4]),
                                            _mm_alignr_epi8(previous, w[(g + 2) % 4], 4));
      w[g % 4] = _mm_sha256msg2_epu32(partial, previous);
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }
  alignas(16) std::array<std::uint32_t, 8> lanes;
  _mm_store_si128(reinterpret_cast<__m128i*>(lanes.data()), abef);
  _mm_store_si128(reinterpret_cast<__m128i*>(lanes.data()) + 1, cdgh);
  state = {lanes[3], lanes[2], lanes[7], lanes[6], lanes[1], lanes[0], lanes[5], lanes[4]};
}

}  // namespace mebm::engine

#else

namespace mebm::engine {

bool sha256_instructions() {
  return false;
}

void sha256_compress_instructions(Sha256State& state, const std::uint8_t* block, std::size_t count) {
  sha256_compress_portable(state, block, count);
}

}  // namespace mebm::engine

#endif

#include "kernels/random_normal/normal_groups.h"

#include <bit>
#include <cmath>

#include "kernels/compat/multiversion.h"
#include "kernels/random_normal/normal_math.h"

namespace mebm::kernels::random_normal {

namespace {

// Loops run over this many groups side by side: four registers of AVX-512 words, eight of AVX2's.
constexpr int kLanes = 16;

struct WordLanes {
  std::uint32_t word[4][kLanes];
};

// philox4x32_10 of `first`, first + 1, ...: one round after the other, each over all lanes.
MEBM_INLINE void words_of(const GroupRange& range, std::uint32_t first, WordLanes& w) {
  for (int i = 0; i < kLanes; ++i) {
    w.word[0][i] = first + static_cast<std::uint32_t>(i);
    w.word[1][i] = range.slot;
    w.word[2][i] = range.step | (static_cast<std::uint32_t>(range.purpose) << 24);
    w.word[3][i] = range.iteration;
  }
  for (std::uint32_t round = 0; round < 10; ++round) {
    const std::uint32_t k0 = range.key.low + round * kPhiloxRaise0,
                        k1 = range.key.high + round * kPhiloxRaise1;
#pragma omp simd
    for (int i = 0; i < kLanes; ++i)
      philox_round(w.word[0][i], w.word[1][i], w.word[2][i], w.word[3][i], k0, k1);
  }
}

// uniform_from_word<float>, bit for bit, by halves: there is no vector instruction from unsigned words before
// AVX-512.
MEBM_INLINE float uniform_of(std::uint32_t r) {
  const float high = static_cast<float>(static_cast<std::int32_t>(r >> 16));
  const float low = static_cast<float>(static_cast<std::int32_t>(r & 0xFFFFu));
  return (high * 65536.0f + low + 0.5f) * 2.3283064365386963e-10f;
}

// ln u for 2^-33 <= u <= 1: u = m 2^e with sqrt(1/2) <= m < sqrt(2), then Cephes' polynomial in m - 1.
MEBM_INLINE float natural_log(float u) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(u);
  const std::int32_t exponent = static_cast<std::int32_t>(bits - 0x3F3504F3u) >> 23;
  const float m = std::bit_cast<float>(bits - (static_cast<std::uint32_t>(exponent) << 23));
  const float e = static_cast<float>(exponent), x = m - 1.0f, z = x * x;
  float y = 7.0376836292e-2f;
  y = y * x - 1.1514610310e-1f;
  y = y * x + 1.1676998740e-1f;
  y = y * x - 1.2420140846e-1f;
  y = y * x + 1.4249322787e-1f;
  y = y * x - 1.6668057665e-1f;
  y = y * x + 2.0000714765e-1f;
  y = y * x - 2.4999993993e-1f;
  y = y * x + 3.3333331174e-1f;
  y = y * x * z + e * -2.12194440e-4f - 0.5f * z;
  return x + y + e * 0.693359375f;
}

struct SineCosine {
  float sine, cosine;
};

// sin and cos of 2 pi v for 0 < v <= 1: v = q/4 + r with |r| <= 1/8, exactly; Cephes' polynomials in 2 pi r,
// turned by q right angles.
MEBM_INLINE SineCosine of_turns(float v) {
  const std::int32_t q = static_cast<std::int32_t>(4.0f * v + 0.5f);
  const float t = (v - 0.25f * static_cast<float>(q)) * 6.283185307179586f, z = t * t;
  const float s = ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * t + t;
  const float c = ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f) * z * z -
                  0.5f * z + 1.0f;
  const bool odd = (q & 1) != 0;
  const float sine = odd ? c : s, cosine = odd ? s : c;
  return {(q & 2) != 0 ? -sine : sine, ((q + 1) & 2) != 0 ? -cosine : cosine};
}

MEBM_INLINE void normals_of(const WordLanes& w, float* out) {
  float normal[4][kLanes];
  for (int pair = 0; pair < 2; ++pair) {
#pragma omp simd
    for (int i = 0; i < kLanes; ++i) {
      const float u = uniform_of(w.word[2 * pair][i]);
      const SineCosine turned = of_turns(uniform_of(w.word[2 * pair + 1][i]));
      const float square = -2.0f * natural_log(u);
      const float radius = __builtin_sqrtf(square > 0.0f ? square : 0.0f);
      normal[2 * pair][i] = radius * turned.cosine;
      normal[2 * pair + 1][i] = radius * turned.sine;
    }
  }
  for (int i = 0; i < kLanes; ++i)
    for (int k = 0; k < 4; ++k) out[4 * i + k] = normal[k][i];
}

MEBM_MULTIVERSION void normal_groups_f32(const GroupRange& range, float* out) {
  for (int done = 0; done < range.count; done += kLanes) {
    WordLanes words;
    words_of(range, range.first_group + static_cast<std::uint32_t>(done), words);
    normals_of(words, out + 4 * done);
  }
}

static_assert(kGroupsAtOnce % kLanes == 0, "the last lanes write within out");

}  // namespace

template <>
void normal_groups<float>(const GroupRange& range, float* out) {
  normal_groups_f32(range, out);
}

template <>
void normal_groups<double>(const GroupRange& range, double* out) {
  for (int g = 0; g < range.count; ++g)
    normals_from_words(random_words(range.key, range.purpose, range.iteration, range.slot, range.step,
                                    range.first_group + static_cast<std::uint32_t>(g)),
                       out + 4 * g);
}

}  // namespace mebm::kernels::random_normal

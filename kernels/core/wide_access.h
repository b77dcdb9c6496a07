#pragma once
// For .cu files: values moved in 16-byte accesses where pointers and counts allow, one by one where not, by
// the same code; and the kernel for elementwise work built on it.

#include <cstdint>
#include <initializer_list>
#include <type_traits>

#include "kernels/compat/cuda.h"

namespace mebm::kernels {

// The widest access that serves all types at once: 16 bytes of the smallest.
template <typename... T>
constexpr int kWidth = [] {
  int widest = 1;
  for (int size : {Vector<T>::kSize...}) widest = size > widest ? size : widest;
  return widest;
}();

// out = memory[0 ... Count). Count is 1, or a multiple of Vector<T>::kSize with memory 16-byte aligned.
template <int Count, typename T>
__device__ __forceinline__ void load_wide(const T* memory, Arithmetic<T> (&out)[Count]) {
  if constexpr (Count == 1) {
    out[0] = widen(memory[0]);
  } else {
    static_assert(Count % Vector<T>::kSize == 0);
    for (int begin = 0; begin < Count; begin += Vector<T>::kSize) {
      const Vector<T> vector = load_vector(memory + begin);
      for (int i = 0; i < Vector<T>::kSize; ++i) out[begin + i] = widen(vector.value[i]);
    }
  }
}

// memory[0 ... Count) = values, rounded to T; the same conditions.
template <int Count, typename T>
__device__ __forceinline__ void store_wide(T* memory, const Arithmetic<T> (&values)[Count]) {
  if constexpr (Count == 1) {
    memory[0] = narrow<T>(values[0]);
  } else {
    static_assert(Count % Vector<T>::kSize == 0);
    for (int begin = 0; begin < Count; begin += Vector<T>::kSize) {
      Vector<T> vector;
      for (int i = 0; i < Vector<T>::kSize; ++i) vector.value[i] = narrow<T>(values[begin + i]);
      store_vector(memory + begin, vector);
    }
  }
}

// V stored values as they are; V = 1 or a whole vector.
template <typename T>
struct Single {
  T value[1];
};
template <typename T, int V>
using Pack = std::conditional_t<V == 1, Single<T>, Vector<T>>;

template <int V, typename T>
__device__ __forceinline__ Pack<T, V> load_pack(const T* memory) {
  if constexpr (V == 1)
    return {{*memory}};
  else
    return load_vector(memory);
}
template <int V, typename T>
__device__ __forceinline__ void store_pack(T* memory, const Pack<T, V>& pack) {
  if constexpr (V == 1)
    *memory = pack.value[0];
  else
    store_vector(memory, pack);
}

MEBM_HOST_DEVICE bool is_aligned(const void* memory) {
  return reinterpret_cast<std::uintptr_t>(memory) % 16 == 0;
}
inline bool all_aligned(std::initializer_list<const void*> pointers) {
  for (const void* pointer : pointers)
    if (!is_aligned(pointer)) return false;
  return true;
}

// n values as `wide` accesses of `width` values, then single ones.
struct Split {
  std::int64_t n = 0, wide = 0;
  int width = 1;

  MEBM_HOST_DEVICE Split(std::int64_t values, int access_width, bool aligned)
      : n(values), wide(aligned ? values / access_width : 0), width(access_width) {}
  MEBM_HOST_DEVICE std::int64_t tasks() const { return wide + (n - wide * width); }
};

// One thread per access: body.at<Count>(i) does values i ... i + Count - 1.
template <int Width, typename Body>
__global__ void elementwise_kernel(Split split, Body body) {
  const std::int64_t task = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (task < split.wide)
    body.template at<Width>(task * Width);
  else if (task < split.tasks())
    body.template at<1>(task + split.wide * (Width - 1));
}

}  // namespace mebm::kernels

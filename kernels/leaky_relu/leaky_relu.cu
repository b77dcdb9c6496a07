#include "kernels/leaky_relu/leaky_relu.h"

#include "kernels/batch_norm/batch_norm_math.h"
#include "kernels/core/channel_tiles.h"

namespace mebm::kernels::leaky_relu::device {
namespace {

using batch_norm::leaky;
using batch_norm::leaky_gradient;

constexpr int kThreads = 256, kInFlight = 4;  // vectors per thread

// Calls body for every whole vector of V of n elements and, for the rest, for single elements.
// body.template operator()<V>(offset of the first, vectors between, count): `count` packs of V.
template <int V, typename Body>
__device__ __forceinline__ void for_vectors(std::int64_t n, const Body& body) {
  const std::int64_t vectors = n / V, first = std::int64_t{blockIdx.x} * kThreads * kInFlight + threadIdx.x;
  if (first + (kInFlight - 1) * kThreads < vectors)
    body.template operator()<V>(first * V, kInFlight);
  else if (first < vectors)
    body.template operator()<V>(first * V, static_cast<int>((vectors - first + kThreads - 1) / kThreads));
  if constexpr (V > 1) {
    const std::int64_t rest = vectors * V + threadIdx.x;
    if (blockIdx.x == 0 && rest < n) body.template operator()<1>(rest, 1);
  }
}

template <typename T, int V>
__global__ void forward_kernel(std::int64_t n, Arithmetic<T> leak, const T* x, T* z) {
  for_vectors<V>(n, [&]<int kSize>(std::int64_t offset, int count) {
    Pack<T, kSize> batch[kInFlight];
    for (int k = 0; k < kInFlight; ++k)
      if (k < count) batch[k] = load_pack<kSize>(x + offset + k * kThreads * kSize);
    for (int k = 0; k < kInFlight; ++k)
      if (k < count) {
        for (int i = 0; i < kSize; ++i) batch[k].value[i] = narrow<T>(leaky(widen(batch[k].value[i]), leak));
        store_pack<kSize>(z + offset + k * kThreads * kSize, batch[k]);
      }
  });
}

template <typename T, int V, bool kAccumulate>
__global__ void backward_kernel(std::int64_t n, Arithmetic<T> leak, const T* x, const T* dz, T* dx) {
  for_vectors<V>(n, [&]<int kSize>(std::int64_t offset, int count) {
    Pack<T, kSize> xs[kInFlight], dzs[kInFlight], dxs[kInFlight];
    for (int k = 0; k < kInFlight; ++k)
      if (k < count) {
        const std::int64_t at = offset + k * kThreads * kSize;
        xs[k] = load_pack<kSize>(x + at);
        dzs[k] = load_pack<kSize>(dz + at);
        if constexpr (kAccumulate) dxs[k] = load_pack<kSize>(dx + at);
      }
    for (int k = 0; k < kInFlight; ++k)
      if (k < count) {
        for (int i = 0; i < kSize; ++i) {
          Arithmetic<T> gradient = leaky_gradient(widen(xs[k].value[i]), widen(dzs[k].value[i]), leak);
          if constexpr (kAccumulate) gradient += widen(dxs[k].value[i]);
          dxs[k].value[i] = narrow<T>(gradient);
        }
        store_pack<kSize>(dx + offset + k * kThreads * kSize, dxs[k]);
      }
  });
}

LaunchShape shape_of(const char* name, std::int64_t n, int vector) {
  const std::int64_t vectors = std::max<std::int64_t>(1, n / vector);
  return {.name = name,
          .sizes = std::to_string(n),
          .grid_x = blocks_for(vectors, kThreads * kInFlight),
          .block = kThreads};
}

}  // namespace

template <typename T>
Status forward(const DeviceExec& exec, std::int64_t n, double leak, const T* x, T* z) {
  if (n == 0) return {};
  constexpr int kVector = Vector<T>::kSize;
  const int vector = vector_for<T>(kVector, x, z);
  runtime::Accesses accesses;
  accesses.read(x, n).write(z, n);
  const LaunchShape shape = shape_of("leaky_relu_forward", n, vector);
  return vector == 1 ? launch(exec, shape, accesses, forward_kernel<T, 1>, n, leak, x, z)
                     : launch(exec, shape, accesses, forward_kernel<T, kVector>, n, leak, x, z);
}

template <typename T>
Status backward(const DeviceExec& exec, std::int64_t n, double leak, const T* x, const T* dz, T* dx,
                bool accumulate) {
  if (n == 0) return {};
  constexpr int kVector = Vector<T>::kSize;
  const int vector = vector_for<T>(kVector, x, dz, dx);
  runtime::Accesses accesses;
  accesses.read(x, n).read(dz, n).write(dx, n);
  if (accumulate) accesses.read(dx, n);
  const LaunchShape shape = shape_of("leaky_relu_backward", n, vector);
  const auto run = [&](auto* kernel) { return launch(exec, shape, accesses, kernel, n, leak, x, dz, dx); };
  if (vector == 1) return accumulate ? run(backward_kernel<T, 1, true>) : run(backward_kernel<T, 1, false>);
  return accumulate ? run(backward_kernel<T, kVector, true>) : run(backward_kernel<T, kVector, false>);
}

#define MEBM_INSTANTIATE(T)                                                          \
  template Status forward<T>(const DeviceExec&, std::int64_t, double, const T*, T*); \
  template Status backward<T>(const DeviceExec&, std::int64_t, double, const T*, const T*, T*, bool);
MEBM_FOR_DEVICE_TYPES(MEBM_INSTANTIATE)

}  // namespace mebm::kernels::leaky_relu::device

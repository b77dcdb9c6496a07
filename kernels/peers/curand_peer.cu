#include "kernels/peers/curand_peer.h"

#include <curand_kernel.h>

#include <algorithm>

#include "kernels/core/philox.h"
#include "kernels/core/wide_access.h"

namespace mebm::kernels::peers {
namespace {

__global__ void philox_kernel(std::int64_t n, const std::uint32_t* __restrict__ inputs,
                              std::uint32_t* __restrict__ ours, std::uint32_t* __restrict__ theirs) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const std::uint32_t* const in = inputs + 6 * i;
  PhiloxKey key;
  key.low = in[0];
  key.high = in[1];
  const PhiloxWords words = philox4x32_10(key, in[2], in[3], in[4], in[5]);
  for (int k = 0; k < 4; ++k) ours[4 * i + k] = words.word[k];
  const uint4 other = curand_Philox4x32_10(make_uint4(in[2], in[3], in[4], in[5]), make_uint2(in[0], in[1]));
  theirs[4 * i] = other.x;
  theirs[4 * i + 1] = other.y;
  theirs[4 * i + 2] = other.z;
  theirs[4 * i + 3] = other.w;
}

__global__ void normal_kernel(std::int64_t n, std::uint64_t seed, bool wide, float* __restrict__ out) {
  const std::int64_t threads = std::int64_t{gridDim.x} * blockDim.x;
  const std::int64_t thread = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  curandStatePhilox4_32_10_t state;
  curand_init(seed, static_cast<unsigned long long>(thread), 0, &state);
  for (std::int64_t begin = 4 * thread; begin < n; begin += 4 * threads) {
    const float4 normals = curand_normal4(&state);
    const Vector<float> vector{{normals.x, normals.y, normals.z, normals.w}};
    if (wide && begin + 4 <= n)
      store_vector(out + begin, vector);
    else
      for (int k = 0; k < 4; ++k)
        if (begin + k < n) out[begin + k] = vector.value[k];
  }
}

}  // namespace

bool has_curand() {
  return true;
}

Status curand_philox(const DeviceExec& exec, std::int64_t n, const std::uint32_t* inputs, std::uint32_t* ours,
                     std::uint32_t* theirs) {
  if (n == 0) return {};
  LaunchShape shape{.name = "curand_philox", .sizes = std::to_string(n)};
  shape.grid_x = blocks_for(n, shape.block);
  runtime::Accesses accesses;
  accesses.read(inputs, 6 * n).write(ours, 4 * n).write(theirs, 4 * n);
  return launch(exec, shape, accesses, philox_kernel, n, inputs, ours, theirs);
}

Status curand_normal(const DeviceExec& exec, std::int64_t n, std::uint64_t seed, float* out) {
  if (n == 0) return {};
  LaunchShape shape{.name = "curand_normal", .sizes = std::to_string(n)};
  constexpr std::uint32_t kBlocksPerMultiprocessor = 8;  // as many threads as one holds
  shape.grid_x = std::min(blocks_for((n + 3) / 4, shape.block),
                          kBlocksPerMultiprocessor * static_cast<std::uint32_t>(exec.multiprocessors));
  return launch(exec, shape, runtime::Accesses().write(out, n), normal_kernel, n, seed, is_aligned(out), out);
}

}  // namespace mebm::kernels::peers

#include "kernels/chain_exchange/chain_exchange.h"

#include <type_traits>

#include "kernels/core/wide_access.h"
#include "kernels/langevin_step/langevin_step_math.h"

namespace mebm::kernels::chain_exchange::device {
namespace {

constexpr std::uint32_t kBlock = 256;
constexpr std::int64_t kMaxElements = 0x7FFF0000;  // a block past the end still counts in 32 bits

// What one thread moves: 16 bytes where rows start at 16-byte boundaries, else one element.
template <typename Real>
struct Single {
  static constexpr int kSize = 1;
  Real value[1];
};
template <typename Real, bool kWide>
using Piece = std::conditional_t<kWide, Vector<Real>, Single<Real>>;

template <typename Real, bool kWide>
__device__ __forceinline__ Piece<Real, kWide> load_piece(const Real* from) {
  if constexpr (kWide)
    return load_vector(from);
  else
    return {{*from}};
}
template <typename Real>
__device__ __forceinline__ void store_piece(Real* to, const Vector<Real>& piece) {
  store_vector(to, piece);
}
template <typename Real>
__device__ __forceinline__ void store_piece(Real* to, const Single<Real>& piece) {
  *to = piece.value[0];
}

// Blocks work on one chain each: chain = block / blocks_per_chain. Elements are counted in 32 bits: with 64,
// nvcc splits the 16-byte stores.
struct Place {
  std::uint32_t chain;
  int element;
};
template <typename Real, bool kWide>
__device__ __forceinline__ Place place_of(std::uint32_t blocks_per_chain) {
  const std::uint32_t chain = blockIdx.x / blocks_per_chain;
  const std::uint32_t part = blockIdx.x - chain * blocks_per_chain;
  return {chain, static_cast<int>(part * blockDim.x + threadIdx.x) * Piece<Real, kWide>::kSize};
}

template <typename Real, bool kWide>
__global__ void draw_kernel(std::int64_t elements, std::uint32_t blocks_per_chain, Real bound,
                            const Chain* __restrict__ chains, const Real* __restrict__ buffer,
                            const Real* __restrict__ fresh, Real* __restrict__ out) {
  const Place place = place_of<Real, kWide>(blocks_per_chain);
  if (place.element >= elements) return;
  const Chain chain = chains[place.chain];
  const std::int64_t to = place.chain * elements + place.element;
  auto piece = load_piece<Real, kWide>(
      chain.restarted != 0 ? fresh + to : buffer + std::int64_t{chain.row} * elements + place.element);
  if (chain.restarted != 0 && bound > Real(0))
    for (Real& value : piece.value) value = langevin_step::clamp_to(value, bound);
  store_piece(out + to, piece);
}

template <typename Real, bool kWide>
__global__ void write_back_kernel(std::int64_t elements, std::uint32_t blocks_per_chain, std::int32_t steps,
                                  const Chain* __restrict__ chains, const Real* __restrict__ states,
                                  Real* __restrict__ buffer, std::int32_t* __restrict__ ages) {
  const Place place = place_of<Real, kWide>(blocks_per_chain);
  if (place.element >= elements) return;
  const Chain chain = chains[place.chain];
  store_piece(buffer + std::int64_t{chain.row} * elements + place.element,
              load_piece<Real, kWide>(states + place.chain * elements + place.element));
  if (ages != nullptr && place.element == 0)
    ages[chain.row] = (chain.restarted != 0 ? 0 : ages[chain.row]) + steps;
}

std::string sizes_text(std::int64_t count, std::int64_t elements, std::int64_t size) {
  return std::to_string(count) + " of " + std::to_string(size) + " chains x " + std::to_string(elements);
}

std::string problem_of(const LaunchShape& shape, std::int64_t elements) {
  if (elements <= kMaxElements) return {};
  return std::string(shape.name) + " (" + shape.sizes + "): more elements than a 32-bit index holds";
}

template <typename Real>
bool rows_are_aligned(std::int64_t elements, const Real* a, const Real* b, const Real* c) {
  return elements % Vector<Real>::kSize == 0 && all_aligned({a, b, c});
}

template <typename Real>
std::uint32_t blocks_of_chain(std::int64_t elements, bool wide) {
  return blocks_for(wide ? elements / Vector<Real>::kSize : elements, kBlock);
}

}  // namespace

template <typename Real>
Status draw(const DeviceExec& exec, std::int64_t count, std::int64_t elements, double bound,
            const Chain* chains, std::int64_t size, const Real* buffer, const Real* fresh, Real* out) {
  if (count * elements == 0) return {};
  const bool wide = rows_are_aligned(elements, buffer, fresh, static_cast<const Real*>(out));
  const std::uint32_t blocks = blocks_of_chain<Real>(elements, wide);
  const LaunchShape shape{.name = "chain_exchange draw",
                          .sizes = sizes_text(count, elements, size),
                          .grid_x = static_cast<std::uint32_t>(count) * blocks,
                          .block = kBlock};
  if (std::string problem = problem_of(shape, elements); !problem.empty()) return Status(std::move(problem));
  runtime::Accesses accesses;
  accesses.read(chains, count).read(buffer, size * elements).read(fresh, count * elements);
  accesses.write(out, count * elements);
  return launch(exec, shape, accesses, wide ? draw_kernel<Real, true> : draw_kernel<Real, false>, elements,
                blocks, bound, chains, buffer, fresh, out);
}

template <typename Real>
Status write_back(const DeviceExec& exec, std::int64_t count, std::int64_t elements, std::int32_t steps,
                  const Chain* chains, std::int64_t size, const Real* states, Real* buffer,
                  std::int32_t* ages) {
  if (count * elements == 0) return {};
  const bool wide = rows_are_aligned(elements, states, static_cast<const Real*>(buffer), states);
  const std::uint32_t blocks = blocks_of_chain<Real>(elements, wide);
  const LaunchShape shape{.name = "chain_exchange write_back",
                          .sizes = sizes_text(count, elements, size),
                          .grid_x = static_cast<std::uint32_t>(count) * blocks,
                          .block = kBlock};
  if (std::string problem = problem_of(shape, elements); !problem.empty()) return Status(std::move(problem));
  runtime::Accesses accesses;
  accesses.read(chains, count).read(states, count * elements).read(ages, size);
  accesses.write(buffer, size * elements).write(ages, size);
  return launch(exec, shape, accesses, wide ? write_back_kernel<Real, true> : write_back_kernel<Real, false>,
                elements, blocks, steps, chains, states, buffer, ages);
}

#define MEBM_INSTANTIATE(Real)                                                                    \
  template Status draw<Real>(const DeviceExec&, std::int64_t, std::int64_t, double, const Chain*, \
                             std::int64_t, const Real*, const Real*, Real*);                      \
  template Status write_back<Real>(const DeviceExec&, std::int64_t, std::int64_t, std::int32_t,   \
                                   const Chain*, std::int64_t, const Real*, Real*, std::int32_t*);
MEBM_FOR_REAL_TYPES(MEBM_INSTANTIATE)

}  // namespace mebm::kernels::chain_exchange::device

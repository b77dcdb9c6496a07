#pragma once
// Runs one block of a CUDA kernel on the host: every thread is a fiber; a scheduler runs each warp to its
// next wait, resolves shuffles per warp, then the block's barrier.
//
// What a GPU would do undefined things with is an error here: a barrier or shuffle that some threads of the
// block (or lanes of the warp) do not reach, a shuffle from a lane that does not exist, a misaligned vector
// access. Shared arrays start as NaN. Lane and block order can be reversed: a kernel without a race gives the
// same bits in both.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace mebm::kernels::emulator {

struct Extent {
  std::uint32_t x = 1, y = 1, z = 1;
};

struct Thread {
  Extent thread_index, block_index, block_extent, grid_extent;
};

// How the calling thread's later launches run.
struct Options {
  bool reversed = false;  // blocks, warps and lanes in descending order
};
Options& options();

constexpr std::size_t kExchangeBytes = 16;

// Called by kernels.
const Thread& thread();
int lane();
void* shared_memory(int number, std::size_t bytes);
void wait_for_block();
void exchange_bytes(const void* value, std::size_t bytes, int source_lane, void* out);
[[noreturn]] void misaligned(const void* memory, std::size_t alignment);

// Runs all blocks of a grid; `body` is the kernel with its arguments. cooperates: see LaunchShape.
// Returns an empty string, or what went wrong and where.
std::string run_grid(const Extent& grid, std::uint32_t block, bool cooperates,
                     const std::function<void()>& body);

}  // namespace mebm::kernels::emulator

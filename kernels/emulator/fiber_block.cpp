#include "kernels/emulator/fiber_block.h"

#include <ucontext.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <stdexcept>
#include <vector>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

namespace mebm::kernels::emulator {
namespace {

constexpr std::size_t kStackBytes = std::size_t{64} << 10;
constexpr std::size_t kWarpLanes = 32;

enum class State { ready, in_exchange, at_barrier, finished };

const char* name_of(State state) {
  switch (state) {
    case State::ready:
      return "runs";
    case State::in_exchange:
      return "waits in a shuffle";
    case State::at_barrier:
      return "waits at the barrier";
    case State::finished:
      return "has returned";
  }
  return "?";
}

struct Fiber {
  ucontext_t context{};
  std::unique_ptr<std::byte[]> stack;
  State state = State::finished;
  std::uint32_t exchanges = 0;
};

// Two sets of slots, used in turn: a lane reaches the exchange after next only when all have read this one.
struct Warp {
  std::byte slot[2][kWarpLanes][kExchangeBytes];
};

class Block {
 public:
  std::string run(const Extent& grid, const Extent& index, std::uint32_t threads,
                  const std::function<void()>& body);
  std::string run_without_fibers(const Extent& grid, const Extent& index, std::uint32_t threads,
                                 const std::function<void()>& body);

  Thread current;
  void* shared_memory(int number, std::size_t bytes);
  void wait(State state);
  void exchange(const void* value, std::size_t bytes, int source, void* out);

 private:
  static void enter(unsigned high, unsigned low);
  void start(std::size_t number);
  void resume(std::size_t number);
  void run_warp(std::size_t first);
  bool release_exchange(std::size_t first);
  bool finish_round();
  std::size_t lanes_of(std::size_t first) const { return std::min(kWarpLanes, threads_ - first); }
  [[noreturn]] void diverged(std::size_t one, std::size_t other, const char* where) const;
  std::string where(std::size_t number) const;
  void place(const Extent& grid, const Extent& index, std::uint32_t threads);

  std::vector<Fiber> fibers_;
  std::vector<Warp> warps_;
  std::map<int, std::unique_ptr<std::byte[]>> shared_;
  ucontext_t scheduler_{};
  const void* scheduler_stack_ = nullptr;  // for the address sanitizer
  std::size_t scheduler_stack_bytes_ = 0;
  const std::function<void()>* body_ = nullptr;
  std::exception_ptr failure_;
  std::size_t threads_ = 0, running_ = 0;
  bool fibers_allowed_ = false;
};

thread_local Block* active_block = nullptr;
thread_local std::unique_ptr<Block> block_storage;

void Block::place(const Extent& grid, const Extent& index, std::uint32_t threads) {
  current.grid_extent = grid;
  current.block_index = index;
  current.block_extent = {threads, 1, 1};
  threads_ = threads;
  shared_.clear();
  failure_ = nullptr;
}

std::string Block::where(std::size_t number) const {
  const Extent& b = current.block_index;
  return "thread " + std::to_string(number) + " of block (" + std::to_string(b.x) + ", " +
         std::to_string(b.y) + ", " + std::to_string(b.z) + ")";
}

void Block::diverged(std::size_t one, std::size_t other, const char* what) const {
  throw std::runtime_error(std::string("divergence at ") + what + ": " + where(one) + " " +
                           name_of(fibers_[one].state) + " while thread " + std::to_string(other) + " " +
                           name_of(fibers_[other].state));
}

void Block::enter(unsigned high, unsigned low) {
#ifdef __SANITIZE_ADDRESS__
  {
    const auto address = (std::uintptr_t{high} << 32) | low;
    auto* block = reinterpret_cast<Block*>(address);
    __sanitizer_finish_switch_fiber(nullptr, &block->scheduler_stack_, &block->scheduler_stack_bytes_);
  }
#endif
  auto* block = reinterpret_cast<Block*>((std::uintptr_t{high} << 32) | low);
  try {
    (*block->body_)();
  } catch (...) {
    block->failure_ = std::current_exception();
  }
  Fiber& fiber = block->fibers_[block->running_];
  fiber.state = State::finished;
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_start_switch_fiber(nullptr, block->scheduler_stack_, block->scheduler_stack_bytes_);
#endif
  swapcontext(&fiber.context, &block->scheduler_);
}

void Block::start(std::size_t number) {
  Fiber& fiber = fibers_[number];
  if (!fiber.stack) fiber.stack = std::make_unique<std::byte[]>(kStackBytes);
  fiber.state = State::ready;
  fiber.exchanges = 0;
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack.get();
  fiber.context.uc_stack.ss_size = kStackBytes;
  fiber.context.uc_link = nullptr;
  const auto address = reinterpret_cast<std::uintptr_t>(this);
  makecontext(&fiber.context, reinterpret_cast<void (*)()>(&Block::enter), 2,
              static_cast<unsigned>(address >> 32), static_cast<unsigned>(address));
}

void Block::resume(std::size_t number) {
  running_ = number;
  current.thread_index = {static_cast<std::uint32_t>(number), 0, 0};
#ifdef __SANITIZE_ADDRESS__
  void* fake = nullptr;
  __sanitizer_start_switch_fiber(&fake, fibers_[number].stack.get(), kStackBytes);
#endif
  swapcontext(&scheduler_, &fibers_[number].context);
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
  if (failure_) std::rethrow_exception(failure_);
}

// Back to the scheduler until it resumes this thread.
void Block::wait(State state) {
  if (!fibers_allowed_)
    throw std::runtime_error(where(current.thread_index.x) +
                             " waits or shares memory, but the launch promises that no thread does");
  Fiber& fiber = fibers_[running_];
  fiber.state = state;
#ifdef __SANITIZE_ADDRESS__
  void* fake = nullptr;
  __sanitizer_start_switch_fiber(&fake, scheduler_stack_, scheduler_stack_bytes_);
#endif
  swapcontext(&fiber.context, &scheduler_);
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(fake, &scheduler_stack_, &scheduler_stack_bytes_);
#endif
}

void Block::exchange(const void* value, std::size_t bytes, int source, void* out) {
  if (!fibers_allowed_) wait(State::in_exchange);
  const std::size_t number = running_, first = number - number % kWarpLanes;
  if (source < 0 || static_cast<std::size_t>(source) >= lanes_of(first))
    throw std::runtime_error(where(number) + " shuffles from lane " + std::to_string(source) +
                             ", which does not exist");
  auto& slots = warps_[first / kWarpLanes].slot[fibers_[number].exchanges++ % 2];
  std::memcpy(slots[number - first], value, bytes);
  wait(State::in_exchange);
  std::memcpy(out, slots[source], bytes);
}

// True when the warp's lanes all waited in a shuffle and may go on.
bool Block::release_exchange(std::size_t first) {
  const std::size_t lanes = lanes_of(first);
  bool any = false;
  for (std::size_t i = first; i < first + lanes; ++i) any = any || fibers_[i].state == State::in_exchange;
  if (!any) return false;
  for (std::size_t i = first; i < first + lanes; ++i)
    if (fibers_[i].state != State::in_exchange || fibers_[i].exchanges != fibers_[first].exchanges)
      diverged(first, i, "a shuffle");
  for (std::size_t i = first; i < first + lanes; ++i) fibers_[i].state = State::ready;
  return true;
}

// Runs the warp until every lane waits at the barrier or has returned.
void Block::run_warp(std::size_t first) {
  const std::size_t lanes = lanes_of(first);
  do {
    for (std::size_t i = 0; i < lanes; ++i) {
      const std::size_t number = options().reversed ? first + lanes - 1 - i : first + i;
      if (fibers_[number].state == State::ready) resume(number);
    }
  } while (release_exchange(first));
}

// After all warps ran: true when the barrier releases them, false when the block is done.
bool Block::finish_round() {
  for (std::size_t i = 1; i < threads_; ++i)
    if (fibers_[i].state != fibers_[0].state) diverged(0, i, "a barrier");
  if (fibers_[0].state == State::finished) return false;
  for (std::size_t i = 0; i < threads_; ++i) fibers_[i].state = State::ready;
  return true;
}

std::string Block::run(const Extent& grid, const Extent& index, std::uint32_t threads,
                       const std::function<void()>& body) {
  place(grid, index, threads);
  fibers_allowed_ = true;
  body_ = &body;
  if (fibers_.size() < threads) fibers_.resize(threads);
  warps_.resize((threads_ + kWarpLanes - 1) / kWarpLanes);
  try {
    for (std::size_t i = 0; i < threads_; ++i) start(i);
    do {
      for (std::size_t w = 0; w < warps_.size(); ++w)
        run_warp((options().reversed ? warps_.size() - 1 - w : w) * kWarpLanes);
    } while (finish_round());
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

std::string Block::run_without_fibers(const Extent& grid, const Extent& index, std::uint32_t threads,
                                      const std::function<void()>& body) {
  place(grid, index, threads);
  fibers_allowed_ = false;
  try {
    for (std::uint32_t i = 0; i < threads; ++i) {
      current.thread_index = {options().reversed ? threads - 1 - i : i, 0, 0};
      body();
    }
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

void* Block::shared_memory(int number, std::size_t bytes) {
  if (!fibers_allowed_) wait(State::at_barrier);
  std::unique_ptr<std::byte[]>& memory = shared_[number];
  if (!memory) {
    memory = std::make_unique<std::byte[]>(bytes);
    std::memset(memory.get(), 0xFF, bytes);
  }
  return memory.get();
}

Block& active() {
  if (active_block == nullptr) throw std::logic_error("kernel code outside a launch");
  return *active_block;
}

}  // namespace

Options& options() {
  thread_local Options value;
  return value;
}

const Thread& thread() {
  return active().current;
}
int lane() {
  return static_cast<int>(active().current.thread_index.x % kWarpLanes);
}
void* shared_memory(int number, std::size_t bytes) {
  return active().shared_memory(number, bytes);
}
void wait_for_block() {
  active().wait(State::at_barrier);
}
void exchange_bytes(const void* value, std::size_t bytes, int source_lane, void* out) {
  active().exchange(value, bytes, source_lane, out);
}
void misaligned(const void* memory, std::size_t alignment) {
  throw std::runtime_error("a vector access at address ..." +
                           std::to_string(reinterpret_cast<std::uintptr_t>(memory) % 4096) +
                           " is not aligned to " + std::to_string(alignment) + " bytes");
}

std::string run_grid(const Extent& grid, std::uint32_t block, bool cooperates,
                     const std::function<void()>& body) {
  if (!block_storage) block_storage = std::make_unique<Block>();
  active_block = block_storage.get();
  const std::uint64_t count = std::uint64_t{grid.x} * grid.y * grid.z;
  std::string problem;
  for (std::uint64_t i = 0; i < count && problem.empty(); ++i) {
    const std::uint64_t b = options().reversed ? count - 1 - i : i;
    const Extent index{static_cast<std::uint32_t>(b % grid.x),
                       static_cast<std::uint32_t>(b / grid.x % grid.y),
                       static_cast<std::uint32_t>(b / grid.x / grid.y)};
    problem = cooperates ? active_block->run(grid, index, block, body)
                         : active_block->run_without_fibers(grid, index, block, body);
  }
  active_block = nullptr;
  return problem;
}

}  // namespace mebm::kernels::emulator

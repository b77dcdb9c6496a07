#pragma once
// Where an arena's memory comes from, and how the host reaches what lies in it.

#include <cstddef>
#include <optional>

namespace mebm::engine {

class Memory {
 public:
  virtual ~Memory() = default;
  // "the system", "the device": who refused.
  virtual const char* name() const = 0;
  // Aligned to 256 bytes at least; null where there is none.
  virtual std::byte* reserve(std::size_t bytes) = 0;
  virtual void release(std::byte* data, std::size_t bytes) = 0;
  // What it could still grant; nothing where that is not known.
  virtual std::optional<std::size_t> free_bytes() const { return std::nullopt; }
  // Bytes reserved and not released, where that is counted (a device); else 0.
  virtual std::size_t reserved_bytes() const { return 0; }
  // Whether the host may use the addresses itself.
  virtual bool on_host() const { return false; }
  // Copies to and from host memory; done when the call returns, after all work given to the device before.
  virtual void read(void* to_host, const void* from, std::size_t bytes) = 0;
  virtual void write(void* to, const void* from_host, std::size_t bytes) = 0;
};

// Pages of the process, huge where the system grants them.
Memory& host_memory();

}  // namespace mebm::engine

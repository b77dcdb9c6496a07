#pragma once
// The one place tensor memory comes from.
//
// An arena reserves memory in large chunks and hands out aligned blocks, best fit first, merging neighbours
// when they are freed. The sequence of requests of an iteration is the same every time, so after the first
// one nothing is reserved any more and every tensor has the same address each iteration. Not thread-safe: one
// arena belongs to one Context, and kernels run inside a call.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/core/memory.h"

namespace mebm::engine {

class Arena;

// A block of arena memory shared by the tensors that view it.
struct Storage {
  std::byte* data = nullptr;
  std::size_t bytes = 0;
  Arena* arena = nullptr;
  std::uint64_t id = 0;       // never reused: identifies the contents together with `version`
  std::uint32_t version = 0;  // raised by every in-place change; saved tensors and weight caches compare it
  std::uint32_t references = 0;
};

class Arena {
 public:
  static constexpr std::size_t kAlignment = 64;
  static constexpr std::size_t kChunkBytes = std::size_t{256} << 20;

  // limit_bytes: refuse to reserve more than this (0: no limit).
  explicit Arena(std::size_t limit_bytes = 0) : Arena(host_memory(), limit_bytes) {}
  // `memory` must outlive the arena.
  Arena(Memory& memory, std::size_t limit_bytes, std::size_t chunk_bytes = kChunkBytes,
        std::size_t alignment = kAlignment);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // A block of at least `bytes` bytes with one reference. Throws Error naming the sizes when memory is out.
  Storage* allocate(std::size_t bytes);
  void release(Storage* storage);  // called when the last reference goes

  Memory& memory() const { return memory_; }
  std::size_t bytes_in_use() const { return in_use_; }
  std::size_t peak_bytes() const { return peak_; }
  std::size_t reserved_bytes() const { return reserved_; }
  std::uint64_t reservations() const { return chunks_.size(); }  // constant in steady state

 private:
  struct FreeBlock {
    std::byte* data;
    std::size_t bytes;
  };
  struct Chunk {
    std::byte* data;
    std::size_t bytes;
    std::vector<FreeBlock> free;  // sorted by address, neighbours merged
  };

  void reserve(std::size_t bytes);
  std::byte* take(std::size_t bytes);
  Storage* new_storage();

  Memory& memory_;
  std::vector<Chunk> chunks_;
  std::vector<std::unique_ptr<Storage>> storages_;
  std::vector<Storage*> idle_storages_;
  std::size_t limit_ = 0, chunk_bytes_ = kChunkBytes, alignment_ = kAlignment, in_use_ = 0, peak_ = 0,
              reserved_ = 0;
  std::uint64_t next_id_ = 1;
};

}  // namespace mebm::engine

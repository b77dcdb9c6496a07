#include "engine/core/arena.h"

#include <algorithm>

#include "engine/core/error.h"

namespace mebm::engine {
namespace {

std::size_t round_up(std::size_t value, std::size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace

Arena::Arena(Memory& memory, std::size_t limit_bytes, std::size_t chunk_bytes, std::size_t alignment)
    : memory_(memory), limit_(limit_bytes), chunk_bytes_(chunk_bytes), alignment_(alignment) {}

Arena::~Arena() {
  for (Chunk& chunk : chunks_) memory_.release(chunk.data, chunk.bytes);
}

void Arena::reserve(std::size_t bytes) {
  std::size_t size = round_up(std::max(bytes, chunk_bytes_), std::min(chunk_bytes_, std::size_t{2} << 20));
  std::byte* begin = nullptr;
  // What the host reserves costs nothing until it is touched, and the smallest hole is taken first: chunks
  // that double leave fewer ends of chunks behind.
  if (memory_.on_host() && reserved_ > size && (limit_ == 0 || 2 * reserved_ <= limit_)) {
    begin = memory_.reserve(reserved_);
    if (begin != nullptr) size = reserved_;
  }
  if (begin == nullptr && limit_ != 0 && reserved_ + size > limit_) {
    if (reserved_ + bytes > limit_)
      throw OutOfMemory(fmt::format(
          "out of memory: {} MiB more are needed beyond {} MiB, the limit is {} MiB; {}",
          (bytes + (std::size_t{1} << 20) - 1) >> 20, reserved_ >> 20, limit_ >> 20, kMemoryAdvice));
    size = limit_ - reserved_;  // the last chunk takes what the limit leaves
  }
  if (begin == nullptr) begin = memory_.reserve(size);
  if (begin == nullptr) {
    const std::optional<std::size_t> free = memory_.free_bytes();
    throw OutOfMemory(fmt::format("out of memory: {} refused {} MiB beyond {} MiB{}; {}", memory_.name(),
                                  size >> 20, reserved_ >> 20,
                                  free ? fmt::format(", {} MiB are free", *free >> 20) : "", kMemoryAdvice));
  }
  chunks_.push_back({begin, size, {{begin, size}}});
  chunks_.back().free.reserve(256);
  reserved_ += size;
}

std::byte* Arena::take(std::size_t bytes) {
  Chunk* best_chunk = nullptr;
  std::size_t best = 0, best_bytes = ~std::size_t{0};
  for (Chunk& chunk : chunks_)
    for (std::size_t i = 0; i < chunk.free.size(); ++i)
      if (chunk.free[i].bytes >= bytes && chunk.free[i].bytes < best_bytes) {
        best_chunk = &chunk;
        best = i;
        best_bytes = chunk.free[i].bytes;
      }
  if (best_chunk == nullptr) return nullptr;
  FreeBlock& block = best_chunk->free[best];
  std::byte* data = block.data;
  block.data += bytes;
  block.bytes -= bytes;
  if (block.bytes == 0) best_chunk->free.erase(best_chunk->free.begin() + static_cast<std::ptrdiff_t>(best));
  return data;
}

Storage* Arena::new_storage() {
  if (idle_storages_.empty()) {
    storages_.push_back(std::make_unique<Storage>());
    idle_storages_.reserve(storages_.size());
    return storages_.back().get();
  }
  Storage* storage = idle_storages_.back();
  idle_storages_.pop_back();
  return storage;
}

Storage* Arena::allocate(std::size_t bytes) {
  const std::size_t size = round_up(std::max<std::size_t>(bytes, 1), alignment_);
  std::byte* data = take(size);
  if (data == nullptr) {
    reserve(size);
    data = take(size);
  }
  Storage* storage = new_storage();
  *storage = Storage{data, size, this, next_id_++, 0, 1};
  in_use_ += size;
  peak_ = std::max(peak_, in_use_);
  return storage;
}

void Arena::release(Storage* storage) {
  in_use_ -= storage->bytes;
  for (Chunk& chunk : chunks_) {
    if (storage->data < chunk.data || storage->data >= chunk.data + chunk.bytes) continue;
    auto next =
        std::upper_bound(chunk.free.begin(), chunk.free.end(), storage->data,
                         [](const std::byte* data, const FreeBlock& block) { return data < block.data; });
    const bool joins_next = next != chunk.free.end() && storage->data + storage->bytes == next->data;
    const bool joins_previous =
        next != chunk.free.begin() && std::prev(next)->data + std::prev(next)->bytes == storage->data;
    if (joins_previous) {
      std::prev(next)->bytes += storage->bytes + (joins_next ? next->bytes : 0);
      if (joins_next) chunk.free.erase(next);
    } else if (joins_next) {
      next->data = storage->data;
      next->bytes += storage->bytes;
    } else {
      chunk.free.insert(next, FreeBlock{storage->data, storage->bytes});
    }
    break;
  }
  idle_storages_.push_back(storage);
}

}  // namespace mebm::engine

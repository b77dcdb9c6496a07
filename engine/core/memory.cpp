#include "engine/core/memory.h"

#include <sys/mman.h>

#include <cstring>

namespace mebm::engine {
namespace {

class HostMemory final : public Memory {
 public:
  const char* name() const override { return "the system"; }
  bool on_host() const override { return true; }
  std::byte* reserve(std::size_t bytes) override {
    void* data =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (data == MAP_FAILED) return nullptr;
    madvise(data, bytes, MADV_HUGEPAGE);  // advice only: fewer TLB misses
    return static_cast<std::byte*>(data);
  }
  void release(std::byte* data, std::size_t bytes) override { munmap(data, bytes); }
  void read(void* to_host, const void* from, std::size_t bytes) override {
    std::memcpy(to_host, from, bytes);
  }
  void write(void* to, const void* from_host, std::size_t bytes) override {
    std::memcpy(to, from_host, bytes);
  }
};

}  // namespace

Memory& host_memory() {
  static HostMemory memory;
  return memory;
}

}  // namespace mebm::engine

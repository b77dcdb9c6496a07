// glibc exports its allocator under a second name, which the replacements call. An operator new of its own
// tells who asked: the library's would name itself as the caller of malloc.

#include "tests/ebm/counted_allocations.h"

#include <dlfcn.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <new>
#include <stdexcept>

#include <fmt/format.h>

extern "C" {
void* __libc_malloc(std::size_t);                 // NOLINT(bugprone-reserved-identifier)
void* __libc_calloc(std::size_t, std::size_t);    // NOLINT(bugprone-reserved-identifier)
void* __libc_realloc(void*, std::size_t);         // NOLINT(bugprone-reserved-identifier)
void* __libc_memalign(std::size_t, std::size_t);  // NOLINT(bugprone-reserved-identifier)
void __libc_free(void*);                          // NOLINT(bugprone-reserved-identifier)
}

namespace {

constexpr std::size_t kMostKept = 65536;

std::atomic<bool> counting = false;
std::atomic<std::size_t> counted = 0;
std::array<std::atomic<void*>, kMostKept> callers;

void note(void* caller) {
  if (!counting.load(std::memory_order_relaxed)) return;
  const std::size_t i = counted.fetch_add(1);
  if (i < kMostKept) callers[i] = caller;
}

void* or_throw(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

#define MEBM_CALLER __builtin_return_address(0)

extern "C" {
void* malloc(std::size_t bytes) noexcept {
  note(MEBM_CALLER);
  return __libc_malloc(bytes);
}
void* calloc(std::size_t count, std::size_t bytes) noexcept {
  note(MEBM_CALLER);
  return __libc_calloc(count, bytes);
}
void* realloc(void* memory, std::size_t bytes) noexcept {
  note(MEBM_CALLER);
  return __libc_realloc(memory, bytes);
}
void* memalign(std::size_t alignment, std::size_t bytes) noexcept {
  note(MEBM_CALLER);
  return __libc_memalign(alignment, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
  note(MEBM_CALLER);
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** out, std::size_t alignment, std::size_t bytes) noexcept {
  note(MEBM_CALLER);
  *out = __libc_memalign(alignment, bytes);
  return *out == nullptr ? ENOMEM : 0;
}
}

void* operator new(std::size_t bytes) {
  note(MEBM_CALLER);
  return or_throw(__libc_malloc(bytes));
}
void* operator new[](std::size_t bytes) {
  note(MEBM_CALLER);
  return or_throw(__libc_malloc(bytes));
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  note(MEBM_CALLER);
  return or_throw(__libc_memalign(static_cast<std::size_t>(alignment), bytes));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  note(MEBM_CALLER);
  return or_throw(__libc_memalign(static_cast<std::size_t>(alignment), bytes));
}
void operator delete(void* memory) noexcept {
  __libc_free(memory);
}
void operator delete[](void* memory) noexcept {
  __libc_free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  __libc_free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  __libc_free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  __libc_free(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  __libc_free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  __libc_free(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  __libc_free(memory);
}

namespace mebm::testing {
namespace {

Allocation describe(const void* address) {
  Dl_info info{};
  if (dladdr(address, &info) == 0) return {"?", fmt::format("{}", address)};
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  const std::string file = info.dli_fname;
  std::string function = fmt::format("+{:#x}", at - reinterpret_cast<std::uintptr_t>(info.dli_fbase));
  if (info.dli_sname != nullptr)
    function = fmt::format("{}+{:#x}", info.dli_sname, at - reinterpret_cast<std::uintptr_t>(info.dli_saddr));
  return {file.substr(file.rfind('/') + 1), function};
}

}  // namespace

CountedAllocations::CountedAllocations() {
  counted = 0;
  counting = true;
}

CountedAllocations::~CountedAllocations() {
  counting = false;
}

std::size_t CountedAllocations::count() const {
  return counted;
}

std::vector<Allocation> CountedAllocations::stop() {
  counting = false;
  if (counted > kMostKept) throw std::length_error("more allocations were counted than are kept");
  std::vector<Allocation> out;
  for (std::size_t i = 0; i < counted; ++i) out.push_back(describe(callers[i]));
  return out;
}

}  // namespace mebm::testing

#pragma once
// The device runtime: memory, streams, events, captured graphs. Two implementations of one contract, chosen
// when linking: runtime_cuda.cpp on the CUDA runtime, kernels/emulator/runtime_emulated.cpp on the host
// (every custom kernel and the whole engine above it run there without a GPU).
//
// Calls fail with a Status naming the call and its values. Addresses of device memory are never dereferenced
// by the host.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/compat/status.h"

namespace mebm::kernels::runtime {

struct Stream;  // work in order; cudaStream_t or the emulator's queue
struct Event;   // a point in a stream
struct Graph;   // captured work, ready to be launched again and again

// "cuda" or "emulated".
const char* backend_name();

struct DeviceProperties {
  std::string name;
  int major = 0, minor = 0;   // compute capability
  int oldest_capability = 0;  // that this build has kernels for: 10 major + minor
  int multiprocessors = 0;
  std::size_t memory_bytes = 0, shared_bytes_per_block = 0, l2_bytes = 0;
  int driver_version = 0, runtime_version = 0;  // 1000 major + 10 minor
};

// How many devices there are; a failure says why none can be used (no driver, a driver too old, ...).
Status device_count(int& count);
Status device_properties(int device, DeviceProperties& properties);
// The device the calling thread's later calls use.
Status select_device(int device);
Status free_memory(std::size_t& free, std::size_t& total);

// Aligned to 256 bytes. A Status that is out_of_memory says how much is free.
Status allocate(std::size_t bytes, void*& memory);
void release(void* memory);
// Host memory that copies run at full speed from, asynchronously.
Status allocate_pinned(std::size_t bytes, void*& memory);
void release_pinned(void* memory);

Status create_stream(Stream*& stream);
void destroy(Stream* stream);
Status create_event(Event*& event);
void destroy(Event* event);
// The event now stands for all work given to the stream so far.
Status record(Event* event, Stream* stream);
// Later work of the stream starts after the event's work.
Status wait(Stream* stream, Event* event);
Status synchronize(Stream* stream);
Status synchronize(Event* event);
// Whether all work the event stands for is done.
Status finished(Event* event, bool& done);

enum class Copy { to_device, to_host, on_device };
// In order with the stream's other work. Host memory must stay until the copy is done.
Status copy(Stream* stream, Copy direction, void* to, const void* from, std::size_t bytes);
Status fill_bytes(Stream* stream, void* memory, int byte, std::size_t bytes);

// Between begin and end, work given to `stream`, and to streams that wait for events recorded in it, is
// recorded instead of run. Allocation and synchronisation are errors meanwhile.
Status begin_capture(Stream* stream);
Status end_capture(Stream* stream, Graph*& graph);
Status launch(Graph* graph, Stream* stream);
void destroy(Graph* graph);
std::size_t node_count(const Graph* graph);

// A range of device memory, and what a piece of work reads and writes: the emulator proves from these that
// work in conflict is ordered.
struct MemoryRange {
  const void* begin = nullptr;
  std::size_t bytes = 0;
};

struct Accesses {
  std::vector<MemoryRange> reads, writes;

  // The next `elements` values at `memory`; null memory is left out.
  template <typename T>
  Accesses& read(const T* memory, std::int64_t elements) {
    if (memory != nullptr && elements > 0) reads.push_back(range(memory, elements));
    return *this;
  }
  template <typename T>
  Accesses& write(const T* memory, std::int64_t elements) {
    if (memory != nullptr && elements > 0) writes.push_back(range(memory, elements));
    return *this;
  }

 private:
  template <typename T>
  static MemoryRange range(const T* memory, std::int64_t elements) {
    return {memory, static_cast<std::size_t>(elements) * sizeof(T)};
  }
};

}  // namespace mebm::kernels::runtime

#include "kernels/emulator/emulated_runtime.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <utility>

#include "kernels/compat/launch.h"
#include "kernels/emulator/graph.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

namespace mebm::kernels {
namespace runtime {

struct Graph {
  std::vector<emulator::GraphNode> nodes;
  std::vector<Stream*> streams;  // captured in it
};
// Copies to the host arrive as late as they may: when the host waits for them, or is told that they are done.
// Until then the host's memory holds bytes that are no number, so that reading too early shows.
struct Arrivals {
  struct Copy {
    void* to;
    std::vector<std::byte> bytes;
  };
  std::deque<Copy> underway;
  std::size_t arrived = 0;

  void expect(void* to, std::vector<std::byte> bytes) {
    if (!bytes.empty()) std::memset(to, 0xff, bytes.size());
    underway.push_back({to, std::move(bytes)});
  }
  std::size_t expected() const { return arrived + underway.size(); }
  void deliver(std::size_t until) {
    for (; arrived < until; ++arrived, underway.pop_front())
      if (const Copy& copy = underway.front(); !copy.bytes.empty())
        std::memcpy(copy.to, copy.bytes.data(), copy.bytes.size());
  }
};
struct Stream {
  Graph* capture = nullptr;  // what the stream's work is recorded in
  bool origin = false;       // the stream the capture began on
  std::vector<int> last;     // nodes the stream's next work depends on
  std::shared_ptr<Arrivals> arrivals = std::make_shared<Arrivals>();

  void leave_capture() {
    capture = nullptr;
    origin = false;
    last.clear();
  }
};
struct Event {
  Graph* capture = nullptr;
  std::vector<int> last;
  std::shared_ptr<Arrivals> arrivals = {};
  std::size_t arrived = 0;  // of them, when the event is reached
  bool asked = false;       // finished() has said "not yet" once
};

namespace {

struct Memory {
  std::map<void*, std::size_t> blocks;  // mapped bytes
  int open = 0;                         // nesting of running work
  int captures = 0;
};

Memory& memory() {
  static Memory value;
  return value;
}

std::size_t mapped_bytes(std::size_t bytes) {
  constexpr std::size_t kPage = 4096;
  return std::max(kPage, (bytes + kPage - 1) / kPage * kPage);
}

void protect(int protection) {
  for (const auto& [block, bytes] : memory().blocks) mprotect(block, bytes, protection);
}

// Device memory is accessible while one of these lives; under the address sanitizer, only what the running
// work declares.
class Access {
 public:
  explicit Access(const Accesses* declared) : declared_(declared) {
    if (memory().open++ == 0) protect(PROT_READ | PROT_WRITE);
    restrict_to_declared();
  }
  ~Access() {
    open_all();
    if (--memory().open == 0) protect(PROT_NONE);
  }
  Access(const Access&) = delete;
  Access& operator=(const Access&) = delete;

 private:
#ifdef __SANITIZE_ADDRESS__
  void restrict_to_declared() {
    if (declared_ == nullptr) return;
    for (const auto& [block, bytes] : memory().blocks) __asan_poison_memory_region(block, bytes);
    for (const MemoryRange& range : declared_->reads) __asan_unpoison_memory_region(range.begin, range.bytes);
    for (const MemoryRange& range : declared_->writes)
      __asan_unpoison_memory_region(range.begin, range.bytes);
  }
  void open_all() {
    for (const auto& [block, bytes] : memory().blocks) __asan_unpoison_memory_region(block, bytes);
  }
#else
  void restrict_to_declared() {}
  void open_all() {}
#endif
  const Accesses* declared_;
};

Status record_or_run(Stream* stream, std::string name, const Accesses& accesses,
                     std::function<Status()> work) {
  std::function<Status()> guarded = [accesses, inner = std::move(work)] {
    const Access access(&accesses);
    return inner();
  };
  if (stream == nullptr || stream->capture == nullptr) return guarded();
  std::vector<emulator::GraphNode>& nodes = stream->capture->nodes;
  nodes.push_back({std::move(name), accesses, std::move(guarded), stream->last});
  stream->last = {static_cast<int>(nodes.size()) - 1};
  return {};
}

void join(Stream* stream, Graph* capture) {
  stream->capture = capture;
  stream->last.clear();
  capture->streams.push_back(stream);
}

void merge(std::vector<int>& into, const std::vector<int>& from) {
  into.insert(into.end(), from.begin(), from.end());
  std::sort(into.begin(), into.end());
  into.erase(std::unique(into.begin(), into.end()), into.end());
}

}  // namespace

const char* backend_name() {
  return "emulated";
}

Status device_count(int& count) {
  const emulator::Machine& machine = emulator::machine();
  DriverFailure failure = machine.driver_failure;
  count = failure == DriverFailure::none ? machine.devices : 0;
  if (count > 0) return {};
  if (failure == DriverFailure::none) failure = DriverFailure::no_device;
  return Status(driver_problem(failure, machine.driver_version, machine.runtime_version, "emulated"));
}

Status device_properties(int, DeviceProperties& properties) {
  const emulator::Machine& machine = emulator::machine();
  properties = {.name = "emulated",
                .major = machine.major,
                .minor = machine.minor,
                .oldest_capability = machine.oldest_capability,
                .multiprocessors = machine.multiprocessors,
                .memory_bytes = machine.memory_bytes,
                .shared_bytes_per_block = 48 << 10,
                .l2_bytes = 1 << 20,
                .driver_version = machine.driver_version,
                .runtime_version = machine.runtime_version};
  return {};
}

Status select_device(int device) {
  if (device != 0) return Status("the emulator has one device, 0; asked for " + std::to_string(device));
  return {};
}

Status free_memory(std::size_t& free, std::size_t& total) {
  free = total = emulator::machine().memory_bytes;
  for (const auto& [block, bytes] : memory().blocks) free -= std::min(free, bytes);
  return {};
}

Status allocate(std::size_t bytes, void*& out) {
  if (memory().captures > 0) return Status("allocation of " + std::to_string(bytes) + " bytes in a capture");
  const emulator::Machine& machine = emulator::machine();
  const std::size_t mapped = mapped_bytes(bytes);
  std::size_t free = 0, total = 0;
  if (Status status = free_memory(free, total); !status.ok()) return status;
  if (mapped > free || (machine.refuses_memory && machine.refuses_memory())) {
    out = nullptr;
    return Status::out_of_memory("allocate(" + std::to_string(bytes) + " bytes), " + std::to_string(free) +
                                 " of " + std::to_string(total) + " bytes free");
  }
  out = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (out == MAP_FAILED) return Status("no memory for " + std::to_string(bytes) + " bytes");
  std::memset(out, 0xFF, mapped);
  if (memory().open == 0) mprotect(out, mapped, PROT_NONE);
  memory().blocks[out] = mapped;
  return {};
}

void release(void* block) {
  const auto found = memory().blocks.find(block);
  if (found == memory().blocks.end()) return;
#ifdef __SANITIZE_ADDRESS__
  __asan_unpoison_memory_region(block, found->second);
#endif
  munmap(block, found->second);
  memory().blocks.erase(found);
}

Status allocate_pinned(std::size_t bytes, void*& out) {
  out = ::operator new (bytes, std::align_val_t{64});
  return {};
}
void release_pinned(void* block) {
  ::operator delete (block, std::align_val_t{64});
}

Status create_stream(Stream*& stream) {
  stream = new Stream;
  return {};
}
void destroy(Stream* stream) {
  if (stream != nullptr && stream->capture != nullptr) std::erase(stream->capture->streams, stream);
  delete stream;
}
Status create_event(Event*& event) {
  event = new Event;
  return {};
}
void destroy(Event* event) {
  delete event;
}

Status record(Event* event, Stream* stream) {
  event->capture = stream->capture;
  event->last = stream->last;
  event->arrivals = stream->arrivals;
  event->arrived = stream->arrivals->expected();
  event->asked = false;
  return {};
}

Status wait(Stream* stream, Event* event) {
  if (event->capture == nullptr) return {};
  if (stream->capture == nullptr) join(stream, event->capture);
  if (stream->capture != event->capture) return Status("a stream waits for an event of another capture");
  merge(stream->last, event->last);
  return {};
}

Status synchronize(Stream* stream) {
  if (stream->capture != nullptr) return Status("synchronisation in a capture");
  stream->arrivals->deliver(stream->arrivals->expected());
  return {};
}

Status synchronize(Event* event) {
  if (event->capture != nullptr) return Status("the host waits for an event of a capture");
  if (event->arrivals != nullptr) event->arrivals->deliver(event->arrived);
  return {};
}

Status finished(Event* event, bool& done) {
  if (event->capture != nullptr) return Status("an event of a capture was asked whether it is done");
  // Never at once: work takes a while.
  done = event->arrivals == nullptr || std::exchange(event->asked, true);
  return done ? synchronize(event) : Status();
}

Status copy(Stream* stream, Copy direction, void* to, const void* from, std::size_t bytes) {
  Accesses accesses;
  const auto count = static_cast<std::int64_t>(bytes);
  if (direction != Copy::to_host) accesses.write(static_cast<std::byte*>(to), count);
  if (direction != Copy::to_device) accesses.read(static_cast<const std::byte*>(from), count);
  if (direction == Copy::to_host && stream->capture == nullptr) {
    std::vector<std::byte> content(bytes);
    Status status = record_or_run(stream, "copy", accesses, [&] {
      if (bytes > 0) std::memcpy(content.data(), from, bytes);
      return Status();
    });
    stream->arrivals->expect(to, std::move(content));
    return status;
  }
  return record_or_run(stream, "copy", accesses, [=] {
    if (bytes > 0) std::memcpy(to, from, bytes);  // memcpy takes no null, however little it copies
    return Status();
  });
}

Status fill_bytes(Stream* stream, void* block, int byte, std::size_t bytes) {
  Accesses accesses;
  accesses.write(static_cast<std::byte*>(block), static_cast<std::int64_t>(bytes));
  return record_or_run(stream, "fill_bytes", accesses, [=] {
    std::memset(block, byte, bytes);
    return Status();
  });
}

Status begin_capture(Stream* stream) {
  if (stream->capture != nullptr) return Status("the stream is being captured already");
  join(stream, new Graph);
  stream->origin = true;
  ++memory().captures;
  return {};
}

Status end_capture(Stream* stream, Graph*& graph) {
  if (!stream->origin) return Status("a capture ends on the stream it began on");
  graph = stream->capture;
  std::vector<bool> followed(graph->nodes.size(), false);
  for (const emulator::GraphNode& node : graph->nodes)
    for (int d : node.dependencies) followed[static_cast<std::size_t>(d)] = true;
  for (int d : stream->last) followed[static_cast<std::size_t>(d)] = true;
  for (Stream* captured : graph->streams) captured->leave_capture();
  graph->streams.clear();
  --memory().captures;
  for (std::size_t i = 0; i < followed.size(); ++i)
    if (!followed[i])
      return Status("node " + std::to_string(i) + " (" + graph->nodes[i].name +
                    ") was captured on a stream that never joined the first one again");
  if (std::string problem = emulator::unordered_conflict(graph->nodes); !problem.empty())
    return Status(std::move(problem));
  return {};
}

Status launch(Graph* graph, Stream* stream) {
  if (stream->capture != nullptr) return Status("a graph was launched inside a capture");
  return emulator::run_nodes(graph->nodes, emulator::options().reversed);
}

void destroy(Graph* graph) {
  delete graph;
}

std::size_t node_count(const Graph* graph) {
  return graph->nodes.size();
}

}  // namespace runtime

namespace emulator {

Status enqueue(runtime::Stream* stream, const char* name, const runtime::Accesses& accesses,
               std::function<Status()> work) {
  return runtime::record_or_run(stream, name, accesses, std::move(work));
}

Status enqueue_kernel(runtime::Stream* stream, const LaunchShape& shape, const runtime::Accesses& accesses,
                      std::function<void()> thread) {
  if (machine().launch_failure)
    if (const std::string failure = machine().launch_failure(); !failure.empty())
      return Status(std::string("kernel ") + shape.name + " (" + shape.sizes + "): " + failure);
  const Extent grid{shape.grid_x, shape.grid_y, shape.grid_z};
  return enqueue(stream, shape.name, accesses,
                 [grid, block = shape.block, cooperates = shape.cooperates, body = std::move(thread),
                  name = std::string(shape.name), sizes = shape.sizes] {
                   std::string problem = run_grid(grid, block, cooperates, body);
                   return problem.empty() ? Status() : Status(name + " (" + sizes + "): " + problem);
                 });
}

std::string unordered_conflict(const runtime::Graph* graph) {
  return unordered_conflict(graph->nodes);
}

Machine& machine() {
  static Machine value;
  return value;
}

}  // namespace emulator
}  // namespace mebm::kernels

#include "engine/device/accelerator.h"

#include <algorithm>
#include <cstring>

#include "engine/core/error.h"
#include "engine/device/device.h"
#include "kernels/compat/device_problems.h"
#include "kernels/counters/counters.h"

namespace mebm::engine {

namespace runtime = kernels::runtime;
namespace conv2d = kernels::conv2d;

void check(const kernels::Status& status) {
  if (status.ok()) [[likely]]
    return;
  if (status.is_out_of_memory()) throw OutOfMemory(status.error() + "; " + kMemoryAdvice);
  throw Error(status.error());
}

bool device_available() {
  int count = 0;
  runtime::DeviceProperties properties;
  return runtime::device_count(count).ok() && count > 0 && runtime::device_properties(0, properties).ok() &&
         runtime::capability_problem(properties).empty();
}

namespace {

// What cannot be used is bad input: it shows before anything is written.
void check_usable(int index, const kernels::Status& status) {
  if (status.is_out_of_memory())
    fail_input("--device cuda:{}: {}; see nvidia-smi for what else uses it", index, status.error());
  if (!status.ok()) fail_input("--device cuda:{}: {}", index, status.error());
}

runtime::DeviceProperties require_device(int index) {
  int count = 0;
  if (const kernels::Status status = runtime::device_count(count); !status.ok())
    fail_input("--device cuda: {}", status.error());
  if (index >= count)
    fail_input("--device cuda:{}: this machine has {} GPU{}; use cuda:0{}", index, count,
               count == 1 ? "" : "s", count > 1 ? " ... cuda:" + std::to_string(count - 1) : "");
  runtime::DeviceProperties properties;
  check_usable(index, runtime::device_properties(index, properties));
  if (const std::string problem = runtime::capability_problem(properties); !problem.empty())
    fail_input("--device cuda:{}: {}", index, problem);
  return properties;
}

}  // namespace

std::string device_name(int index) {
  return require_device(index).name;
}

std::uint64_t device_free_memory(int index) {
  (void)require_device(index);
  check_usable(index, runtime::select_device(index));
  std::size_t free = 0, total = 0;
  check_usable(index, runtime::free_memory(free, total));
  return free;
}

struct Accelerator::DeviceMemory final : Memory {
  explicit DeviceMemory(runtime::Stream* stream_in) : stream(stream_in) {}
  const char* name() const override { return "the device"; }
  std::byte* reserve(std::size_t bytes) override {
    void* data = nullptr;
    if (!runtime::allocate(bytes, data).ok()) return nullptr;
    reserved += bytes;
    return static_cast<std::byte*>(data);
  }
  std::optional<std::size_t> free_bytes() const override {
    std::size_t free = 0, total = 0;
    return runtime::free_memory(free, total).ok() ? std::optional(free) : std::nullopt;
  }
  void release(std::byte* data, std::size_t bytes) override {
    runtime::release(data);
    reserved -= bytes;
  }
  std::size_t reserved_bytes() const override { return reserved; }
  void read(void* to_host, const void* from, std::size_t bytes) override {
    check(runtime::copy(stream, runtime::Copy::to_host, to_host, from, bytes));
    check(runtime::synchronize(stream));
  }
  void write(void* to, const void* from_host, std::size_t bytes) override {
    check(runtime::copy(stream, runtime::Copy::to_device, to, from_host, bytes));
    check(runtime::synchronize(stream));
  }
  runtime::Stream* stream;
  std::size_t reserved = 0;
};

// Pinned segments used in turn; a segment is free again when its copy is done.
struct Accelerator::Staging {
  static constexpr std::size_t kSegments = 16, kBytes = std::size_t{64} << 10;
  std::byte* memory = nullptr;
  runtime::Event* done[kSegments] = {};
  bool used[kSegments] = {};
  std::size_t next = 0;

  Staging() {
    void* pinned = nullptr;
    check(runtime::allocate_pinned(kSegments * kBytes, pinned));
    memory = static_cast<std::byte*>(pinned);
    for (runtime::Event*& event : done) check(runtime::create_event(event));
  }
  ~Staging() {
    for (runtime::Event* event : done) runtime::destroy(event);
    runtime::release_pinned(memory);
  }
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  void copy(runtime::Stream* stream, std::byte* to, const std::byte* from, std::size_t bytes) {
    const std::size_t segment = next++ % kSegments;
    for (bool free = !used[segment]; !free;) check(runtime::finished(done[segment], free));
    std::byte* staged = memory + segment * kBytes;
    std::memcpy(staged, from, bytes);
    check(runtime::copy(stream, runtime::Copy::to_device, to, staged, bytes));
    check(runtime::record(done[segment], stream));
    used[segment] = true;
  }
};

class Accelerator::PinnedRead final : public HostRead {
 public:
  PinnedRead(runtime::Stream* stream, std::size_t bytes) : stream_(stream), bytes_(bytes) {
    check(runtime::allocate_pinned(bytes, memory_));
    check(runtime::create_event(arrival_));
  }
  ~PinnedRead() override {
    // The copy may be under way still; a failure here has nobody to go to.
    if (started_) (void)runtime::synchronize(arrival_);
    runtime::destroy(arrival_);
    runtime::release_pinned(memory_);
  }
  PinnedRead(const PinnedRead&) = delete;
  PinnedRead& operator=(const PinnedRead&) = delete;

  void start(const void* from) override {
    check(runtime::copy(stream_, runtime::Copy::to_host, memory_, from, bytes_));
    check(runtime::record(arrival_, stream_));
    started_ = true;
  }
  bool arrived() override {
    bool done = false;
    check(runtime::finished(arrival_, done));
    return done;
  }
  const std::byte* wait() override {
    check(runtime::synchronize(arrival_));
    return static_cast<const std::byte*>(memory_);
  }

 private:
  runtime::Stream* stream_;
  std::size_t bytes_;
  void* memory_ = nullptr;
  runtime::Event* arrival_ = nullptr;
  bool started_ = false;
};

std::unique_ptr<HostRead> Accelerator::make_host_read(std::size_t bytes) {
  return std::make_unique<PinnedRead>(main_.stream, bytes);
}

Accelerator::Accelerator(const std::string& plans_file, bool tf32) : tf32_(tf32), plans_file_(plans_file) {}

// The destructor releases what is there when the rest fails.
Accelerator::Accelerator(int index, const std::string& plans_file, bool tf32)
    : Accelerator(plans_file, tf32) {
  properties_ = require_device(index);
  check_usable(index, runtime::select_device(index));
  for (kernels::DeviceExec* exec : {&main_, &side_}) {
    check_usable(index, make_exec(*exec));
    kernels::Status ran = kernels::counters::device::clear(*exec);
    if (ran.ok()) ran = runtime::synchronize(exec->stream);
    if (!ran.ok())
      fail_input("--device cuda:{}: {} does not run this build's kernels; {} ({})", index, properties_.name,
                 runtime::kernels_remedy(properties_), ran.error());
  }
  active_ = main_;
  check_usable(index, runtime::create_event(fork_));
  check_usable(index, runtime::create_event(joined_));
  memory_ = std::make_unique<DeviceMemory>(main_.stream);
  staging_ = std::make_unique<Staging>();
  check_usable(index, make_libraries());
}

kernels::Status Accelerator::make_libraries() {
  auto gemm = kernels::gemm::make_library(main_);
  if (!gemm.status.ok()) return gemm.status;
  gemm_ = std::move(gemm.library);
  auto convolutions = conv2d::device::make_library(plans_file_);
  convolutions_ = std::move(convolutions.library);
  return convolutions.status;
}

kernels::Status Accelerator::make_exec(kernels::DeviceExec& exec) {
  exec.multiprocessors = properties_.multiprocessors;
  kernels::Status status = runtime::create_stream(exec.stream);
  void* counters = nullptr;
  if (status.ok())
    status = runtime::allocate(kernels::DeviceExec::kCounters * sizeof(std::uint32_t), counters);
  if (counters != nullptr) owned_.push_back(counters);
  exec.counters = static_cast<std::uint32_t*>(counters);
  return status;
}

Accelerator::~Accelerator() {
  // A failure here has nobody to go to.
  if (main_.stream != nullptr) (void)runtime::synchronize(main_.stream);
  plans_.clear();
  gemm_.reset();
  convolutions_.reset();
  staging_.reset();
  for (const auto& [content, memory] : tables_) runtime::release(memory);
  for (void* memory : owned_) runtime::release(memory);
  runtime::destroy(fork_);
  runtime::destroy(joined_);
  runtime::destroy(side_.stream);
  runtime::destroy(main_.stream);
}

Memory& Accelerator::memory() {
  return *memory_;
}

void Accelerator::synchronize() {
  check(runtime::synchronize(main_.stream));
}

const conv2d::device::Plan& Accelerator::plan(const conv2d::Params& p, conv2d::Direction direction,
                                              DType dtype) {
  using conv2d::device::Element;
  const Element element = dtype == DType::bf16   ? Element::bf16
                          : dtype == DType::fp64 ? Element::fp64
                          : tf32_                ? Element::tf32
                                                 : Element::fp32;
  const std::string key =
      fmt::format("{} {} {}x{}x{}x{} {}x{}x{} {} {} {} {}", static_cast<int>(direction),
                  static_cast<int>(element), p.images, p.in_channels, p.in_height, p.in_width, p.out_channels,
                  p.out_height, p.out_width, p.kernel, p.stride, p.padding, p.accumulate);
  std::unique_ptr<conv2d::device::Plan>& found = plans_[key];
  if (found == nullptr) {
    if (!plans_file_.empty()) check(convolutions_->tune(main_, p, direction, element));
    conv2d::device::PlanResult made = convolutions_->make_plan(p, direction, element);
    if (made.plan == nullptr) plans_.erase(key);
    check(made.status);
    found = std::move(made.plan);
  }
  return *found;
}

void Accelerator::save_plans() const {
  if (!plans_file_.empty()) check(convolutions_->save_plans(plans_file_));
}

void Accelerator::upload(void* to, const void* from, std::size_t bytes) {
  for (std::size_t at = 0; at < bytes; at += Staging::kBytes)
    staging_->copy(main_.stream, static_cast<std::byte*>(to) + at, static_cast<const std::byte*>(from) + at,
                   std::min(Staging::kBytes, bytes - at));
}

const void* Accelerator::table(const void* bytes, std::size_t size) {
  void*& memory = tables_[std::string(static_cast<const char*>(bytes), size)];
  if (memory == nullptr) {
    check(runtime::allocate(size, memory));
    memory_->write(memory, bytes, size);
  }
  return memory;
}

void Accelerator::on_side(const std::function<void()>& work) {
  check(runtime::record(fork_, main_.stream));
  check(runtime::wait(side_.stream, fork_));
  active_ = side_;
  try {
    work();
  } catch (...) {
    active_ = main_;
    side_pending_ = true;  // part of it may run: join() waits for that and lets go of what was kept
    throw;
  }
  active_ = main_;
  side_pending_ = true;
}

void Accelerator::join() {
  if (!side_pending_) return;
  check(runtime::record(joined_, side_.stream));
  check(runtime::wait(main_.stream, joined_));
  side_pending_ = false;
  kept_.clear();
}

void Accelerator::begin_capture() {
  check(runtime::begin_capture(main_.stream));
}

runtime::Graph* Accelerator::end_capture() {
  runtime::Graph* graph = nullptr;
  if (const kernels::Status status = runtime::end_capture(main_.stream, graph); !status.ok()) {
    release(graph);
    check(status);
  }
  return graph;
}

runtime::Graph* Accelerator::abandon_capture() noexcept {
  runtime::Graph* graph = nullptr;
  (void)runtime::end_capture(main_.stream, graph);
  active_ = main_;
  side_pending_ = false;
  kept_.clear();
  return graph;
}

void Accelerator::launch(runtime::Graph* graph) {
  check(runtime::launch(graph, main_.stream));
}

void Accelerator::release(runtime::Graph* graph) noexcept {
  if (graph != nullptr) runtime::destroy(graph);
}

std::size_t Accelerator::node_count(const runtime::Graph* graph) {
  return runtime::node_count(graph);
}

}  // namespace mebm::engine

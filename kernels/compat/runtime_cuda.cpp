// The device runtime on the CUDA runtime. A Stream* is a cudaStream_t, an Event* a cudaEvent_t.

#include <cuda_runtime_api.h>

#include <algorithm>
#include <memory>
#include <sstream>

#include "kernels/compat/device_problems.h"
#include "kernels/compat/launch.h"
#include "kernels/compat/runtime.h"

namespace mebm::kernels::runtime {

struct Graph {
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  std::size_t nodes = 0;

  Graph() = default;
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  ~Graph() {
    if (executable != nullptr) (void)cudaGraphExecDestroy(executable);
    if (graph != nullptr) (void)cudaGraphDestroy(graph);
  }
};

namespace {

// Empty for success; else a Status of the parts (the call and its values) and CUDA's words. CUDA remembers
// the last error; it is taken here, so that a later launch is not blamed for it.
template <typename... Parts>
Status check(cudaError_t error, const Parts&... call) {
  if (error == cudaSuccess) return {};
  (void)cudaGetLastError();
  std::ostringstream text;
  (text << ... << call);
  text << ": " << cudaGetErrorName(error) << ": " << cudaGetErrorString(error);
  return error == cudaErrorMemoryAllocation ? Status::out_of_memory(text.str()) : Status(text.str());
}

cudaStream_t native(Stream* stream) {
  return reinterpret_cast<cudaStream_t>(stream);
}
cudaEvent_t native(Event* event) {
  return reinterpret_cast<cudaEvent_t>(event);
}

DriverFailure failure_of(cudaError_t error) {
  if (error == cudaErrorStubLibrary) return DriverFailure::stub_library;
  if (error == cudaErrorInsufficientDriver) return DriverFailure::too_old;
  return error == cudaErrorNoDevice ? DriverFailure::no_device : DriverFailure::other;
}

// Why there is no device to use.
Status no_device(cudaError_t error) {
  int driver = 0, runtime = 0;
  (void)cudaDriverGetVersion(&driver);
  (void)cudaRuntimeGetVersion(&runtime);
  (void)cudaGetLastError();
  return Status(driver_problem(failure_of(error), driver, runtime,
                               std::string(cudaGetErrorName(error)) + ": " + cudaGetErrorString(error)));
}

// Work runs after the call that gives it to the device; a failure shows in a later call.
constexpr const char* kEarlierWork =
    ", after earlier work (with CUDA_LAUNCH_BLOCKING=1 in the environment the kernel at fault is named)";

cudaMemcpyKind native(Copy direction) {
  switch (direction) {
    case Copy::to_device:
      return cudaMemcpyHostToDevice;
    case Copy::to_host:
      return cudaMemcpyDeviceToHost;
    case Copy::on_device:
      break;
  }
  return cudaMemcpyDeviceToDevice;
}

const char* name_of(Copy direction) {
  switch (direction) {
    case Copy::to_device:
      return "to the device";
    case Copy::to_host:
      return "to the host";
    case Copy::on_device:
      break;
  }
  return "on the device";
}

}  // namespace

const char* backend_name() {
  return "cuda";
}

Status device_count(int& count) {
  count = 0;
  if (const cudaError_t error = cudaGetDeviceCount(&count); error != cudaSuccess) {
    count = 0;
    return no_device(error);
  }
  return count > 0 ? Status() : no_device(cudaErrorNoDevice);
}

Status device_properties(int device, DeviceProperties& properties) {
  cudaDeviceProp found{};
  if (Status status =
          check(cudaGetDeviceProperties(&found, device), "cudaGetDeviceProperties(device ", device, ")");
      !status.ok())
    return status;
  properties.name = found.name;
  properties.major = found.major;
  properties.minor = found.minor;
  properties.oldest_capability = MEBM_OLDEST_CAPABILITY;
  properties.multiprocessors = found.multiProcessorCount;
  properties.memory_bytes = found.totalGlobalMem;
  properties.shared_bytes_per_block = found.sharedMemPerBlock;
  properties.l2_bytes = static_cast<std::size_t>(found.l2CacheSize);
  if (Status status = check(cudaDriverGetVersion(&properties.driver_version), "cudaDriverGetVersion()");
      !status.ok())
    return status;
  return check(cudaRuntimeGetVersion(&properties.runtime_version), "cudaRuntimeGetVersion()");
}

Status select_device(int device) {
  return check(cudaSetDevice(device), "cudaSetDevice(device ", device, ")");
}

Status free_memory(std::size_t& free, std::size_t& total) {
  return check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo()");
}

Status allocate(std::size_t bytes, void*& memory) {
  memory = nullptr;
  const cudaError_t error = cudaMalloc(&memory, std::max<std::size_t>(bytes, 1));
  if (error == cudaSuccess) return {};
  memory = nullptr;
  (void)cudaGetLastError();
  std::size_t free = 0, total = 0;
  if (error == cudaErrorMemoryAllocation && cudaMemGetInfo(&free, &total) == cudaSuccess)
    return check(error, "cudaMalloc(", bytes, " bytes), ", free, " of ", total, " bytes free");
  return check(error, "cudaMalloc(", bytes, " bytes)");
}

void release(void* memory) {
  if (cudaFree(memory) != cudaSuccess) (void)cudaGetLastError();
}

Status allocate_pinned(std::size_t bytes, void*& memory) {
  memory = nullptr;
  return check(cudaMallocHost(&memory, std::max<std::size_t>(bytes, 1)), "cudaMallocHost(", bytes, " bytes)");
}

void release_pinned(void* memory) {
  if (cudaFreeHost(memory) != cudaSuccess) (void)cudaGetLastError();
}

Status create_stream(Stream*& stream) {
  cudaStream_t created = nullptr;
  Status status =
      check(cudaStreamCreateWithFlags(&created, cudaStreamNonBlocking), "cudaStreamCreateWithFlags()");
  stream = reinterpret_cast<Stream*>(created);
  return status;
}

void destroy(Stream* stream) {
  if (stream != nullptr && cudaStreamDestroy(native(stream)) != cudaSuccess) (void)cudaGetLastError();
}

Status create_event(Event*& event) {
  cudaEvent_t created = nullptr;
  Status status =
      check(cudaEventCreateWithFlags(&created, cudaEventDisableTiming), "cudaEventCreateWithFlags()");
  event = reinterpret_cast<Event*>(created);
  return status;
}

void destroy(Event* event) {
  if (event != nullptr && cudaEventDestroy(native(event)) != cudaSuccess) (void)cudaGetLastError();
}

Status record(Event* event, Stream* stream) {
  return check(cudaEventRecord(native(event), native(stream)), "cudaEventRecord()");
}

Status wait(Stream* stream, Event* event) {
  return check(cudaStreamWaitEvent(native(stream), native(event), 0), "cudaStreamWaitEvent()");
}

Status synchronize(Stream* stream) {
  return check(cudaStreamSynchronize(native(stream)), "cudaStreamSynchronize()", kEarlierWork);
}

Status synchronize(Event* event) {
  return check(cudaEventSynchronize(native(event)), "cudaEventSynchronize()", kEarlierWork);
}

Status finished(Event* event, bool& done) {
  const cudaError_t error = cudaEventQuery(native(event));
  done = error == cudaSuccess;
  if (error == cudaErrorNotReady) {
    (void)cudaGetLastError();
    return {};
  }
  return check(error, "cudaEventQuery()", kEarlierWork);
}

Status copy(Stream* stream, Copy direction, void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return {};
  return check(cudaMemcpyAsync(to, from, bytes, native(direction), native(stream)), "cudaMemcpyAsync(", bytes,
               " bytes ", name_of(direction), ", to ", to, ", from ", from, ")");
}

Status fill_bytes(Stream* stream, void* memory, int byte, std::size_t bytes) {
  if (bytes == 0) return {};
  return check(cudaMemsetAsync(memory, byte, bytes, native(stream)), "cudaMemsetAsync(", bytes, " bytes of ",
               byte, " at ", memory, ")");
}

Status begin_capture(Stream* stream) {
  return check(cudaStreamBeginCapture(native(stream), cudaStreamCaptureModeThreadLocal),
               "cudaStreamBeginCapture(thread-local)");
}

Status end_capture(Stream* stream, Graph*& graph) {
  graph = nullptr;
  auto captured = std::make_unique<Graph>();
  if (Status status = check(cudaStreamEndCapture(native(stream), &captured->graph), "cudaStreamEndCapture()");
      !status.ok())
    return status;
  if (captured->graph == nullptr) return Status("cudaStreamEndCapture() gave no graph");
  if (Status status =
          check(cudaGraphGetNodes(captured->graph, nullptr, &captured->nodes), "cudaGraphGetNodes()");
      !status.ok())
    return status;
  if (Status status = check(cudaGraphInstantiate(&captured->executable, captured->graph, 0),
                            "cudaGraphInstantiate(", captured->nodes, " nodes)");
      !status.ok())
    return status;
  graph = captured.release();
  return {};
}

Status launch(Graph* graph, Stream* stream) {
  return check(cudaGraphLaunch(graph->executable, native(stream)), "cudaGraphLaunch(", graph->nodes,
               " nodes)");
}

void destroy(Graph* graph) {
  delete graph;
}

std::size_t node_count(const Graph* graph) {
  return graph->nodes;
}

Status last_launch(const LaunchShape& shape) {
  return check(cudaGetLastError(), "kernel ", shape.name, " (", shape.sizes, "), grid ", shape.grid_x, " x ",
               shape.grid_y, " x ", shape.grid_z, ", blocks of ", shape.block, " threads");
}

}  // namespace mebm::kernels::runtime

// The device runtime on the CUDA runtime. A Stream* is a cudaStream_t, an Event* a cudaEvent_t.

#include <cuda_runtime_api.h>

#include <algorithm>
#include <memory>
#include <sstream>

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
  return Status(text.str());
}

cudaStream_t native(Stream* stream) {
  return reinterpret_cast<cudaStream_t>(stream);
}
cudaEvent_t native(Event* event) {
  return reinterpret_cast<cudaEvent_t>(event);
}

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

// Why the driver cannot be used, where it is the driver.
Status driver_problem(cudaError_t error) {
  int driver = 0, runtime = 0;
  (void)cudaDriverGetVersion(&driver);
  (void)cudaRuntimeGetVersion(&runtime);
  (void)cudaGetLastError();
  const std::string words =
      std::string(" (") + cudaGetErrorName(error) + ": " + cudaGetErrorString(error) + ")";
  if (error == cudaErrorStubLibrary)
    return Status(
        "the CUDA driver library found is a stub for linking; install the NVIDIA driver or take the "
        "stub out of the library path" +
        words);
  if (driver == 0)
    return Status("no NVIDIA driver is installed or loaded (libcuda.so.1 was not found or does not start)" +
                  words);
  if (error == cudaErrorInsufficientDriver)
    return Status("the NVIDIA driver is too old: it supports CUDA " + version_text(driver) +
                  ", this build needs CUDA " + version_text(runtime) + words);
  if (error == cudaErrorNoDevice)
    return Status("the NVIDIA driver (CUDA " + version_text(driver) +
                  ") finds no device; see nvidia-smi and CUDA_VISIBLE_DEVICES" + words);
  return check(error, "cudaGetDeviceCount, driver for CUDA ", version_text(driver), ", runtime ",
               version_text(runtime));
}

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
    return driver_problem(error);
  }
  return count > 0 ? Status() : driver_problem(cudaErrorNoDevice);
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
  return check(cudaStreamSynchronize(native(stream)), "cudaStreamSynchronize(), after earlier work");
}

Status synchronize(Event* event) {
  return check(cudaEventSynchronize(native(event)), "cudaEventSynchronize(), after earlier work");
}

Status finished(Event* event, bool& done) {
  const cudaError_t error = cudaEventQuery(native(event));
  done = error == cudaSuccess;
  if (error == cudaErrorNotReady) {
    (void)cudaGetLastError();
    return {};
  }
  return check(error, "cudaEventQuery(), after earlier work");
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

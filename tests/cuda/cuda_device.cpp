#include "tests/cuda/cuda_device.h"

#include <gtest/gtest.h>

#include "tests/emulated/device_array.h"

namespace mebm::test {

namespace runtime = kernels::runtime;

namespace {

void expect_ok(const kernels::Status& status) {
  EXPECT_TRUE(status.ok()) << status.error();
}

kernels::DeviceExec make_exec() {
  kernels::DeviceExec exec;
  runtime::DeviceProperties properties;
  expect_ok(runtime::select_device(0));
  expect_ok(runtime::device_properties(0, properties));
  expect_ok(runtime::create_stream(exec.stream));
  exec.multiprocessors = properties.multiprocessors;
  void* counters = nullptr;
  const std::size_t bytes = kernels::DeviceExec::kCounters * sizeof(std::uint32_t);
  expect_ok(runtime::allocate(bytes, counters));
  expect_ok(runtime::fill_bytes(exec.stream, counters, 0, bytes));
  exec.counters = static_cast<std::uint32_t*>(counters);
  return exec;
}

void copy(runtime::Copy direction, void* to, const void* from, std::size_t bytes) {
  expect_ok(runtime::copy(cuda_exec().stream, direction, to, from, bytes));
  expect_ok(runtime::synchronize(cuda_exec().stream));
}

}  // namespace

std::string missing_device() {
  int count = 0;
  return runtime::device_count(count).error();
}

kernels::DeviceExec cuda_exec() {
  static const kernels::DeviceExec exec = make_exec();
  return exec;
}

DeviceBytes::DeviceBytes(std::size_t bytes) : bytes_(bytes) {
  expect_ok(runtime::allocate(bytes, memory_));
  poison();
}
DeviceBytes::~DeviceBytes() {
  if (memory_ != nullptr) runtime::release(memory_);
}
void DeviceBytes::upload(const void* from) const {
  copy(runtime::Copy::to_device, memory_, from, bytes_);
}
void DeviceBytes::download(void* to) const {
  copy(runtime::Copy::to_host, to, memory_, bytes_);
}
void DeviceBytes::poison() const {
  expect_ok(runtime::fill_bytes(cuda_exec().stream, memory_, 0xFF, bytes_));
}

}  // namespace mebm::test

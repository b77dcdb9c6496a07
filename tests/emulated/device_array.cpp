#include "tests/emulated/device_array.h"

#include <gtest/gtest.h>

#include "kernels/emulator/emulated_runtime.h"

namespace mebm::test {

namespace runtime = kernels::runtime;

namespace {

void expect_ok(const kernels::Status& status) {
  EXPECT_TRUE(status.ok()) << status.error();
}

runtime::Stream* shared_stream() {
  static runtime::Stream* stream = [] {
    runtime::Stream* created = nullptr;
    expect_ok(runtime::create_stream(created));
    return created;
  }();
  return stream;
}

}  // namespace

kernels::DeviceExec emulated_exec(int multiprocessors) {
  return {shared_stream(), multiprocessors};
}

DeviceBytes::DeviceBytes(std::size_t bytes) : bytes_(bytes) {
  expect_ok(runtime::allocate(bytes, memory_));
}
DeviceBytes::~DeviceBytes() {
  if (memory_ != nullptr) runtime::release(memory_);
}
void DeviceBytes::upload(const void* from) const {
  expect_ok(runtime::copy(shared_stream(), runtime::Copy::to_device, memory_, from, bytes_));
}
void DeviceBytes::download(void* to) const {
  expect_ok(runtime::copy(shared_stream(), runtime::Copy::to_host, to, memory_, bytes_));
  expect_ok(runtime::synchronize(shared_stream()));
}
void DeviceBytes::poison() const {
  expect_ok(runtime::fill_bytes(shared_stream(), memory_, 0xFF, bytes_));
}

std::vector<std::byte> run_in_both_orders(const std::function<kernels::Status()>& launch,
                                          const std::function<std::vector<std::byte>()>& outputs) {
  std::vector<std::byte> result[2];
  for (int order = 0; order < 2; ++order) {
    kernels::emulator::options().reversed = order == 1;
    expect_ok(launch());
    result[order] = outputs();
  }
  kernels::emulator::options().reversed = false;
  EXPECT_TRUE(result[0] == result[1]) << "the result depends on the order of threads";
  return result[0];
}

}  // namespace mebm::test

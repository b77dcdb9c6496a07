// Machines whose GPU cannot be used or is too small: the program, linked with the emulated runtime, says so.

#include <cstdlib>

#include "tests/cli/train_test_util.h"

namespace mebm::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class UnusableDevice : public TrainTest {
 protected:
  ~UnusableDevice() override { unsetenv("MEBM_EMULATED_MACHINE"); }

  static void machine(const std::string& words) { setenv("MEBM_EMULATED_MACHINE", words.c_str(), 1); }
  Words train_on_device(const Words& extra = {}, const std::string& device = "cuda") const {
    Words words = train("out", {"--device", device, "--precision", "fp32"});
    words.insert(words.end(), extra.begin(), extra.end());
    return words;
  }
  void expect_device_refused(const std::string& words, const std::string& message) const {
    machine(words);
    expect_refused(train_on_device(), message);
  }
};

TEST_F(UnusableDevice, ThereIsNoDriver) {
  expect_device_refused(
      "devices=0 driver=0 runtime=13000",
      "--device cuda: no NVIDIA driver is installed or loaded (libcuda.so.1 was not found or does "
      "not start); install it, or use --device cpu");
  expect_device_refused("driver_failure=stub_library driver=0", "is a stub for linking");
}

TEST_F(UnusableDevice, TheDriverIsTooOld) {
  expect_device_refused(
      "driver_failure=too_old driver=12040 runtime=13000",
      "--device cuda: the NVIDIA driver is too old: it supports CUDA 12.4, this build needs CUDA "
      "13.0; install a newer driver");
  expect_device_refused("driver_failure=other driver=13000 runtime=13010",
                        "the NVIDIA driver (CUDA 13.0, this build: CUDA 13.1) cannot be used");
}

TEST_F(UnusableDevice, ThereIsNoSuchDevice) {
  expect_device_refused("devices=0 driver=13000 runtime=13000",
                        "--device cuda: the NVIDIA driver (CUDA 13.0) finds no device; see nvidia-smi and "
                        "CUDA_VISIBLE_DEVICES");
  machine("");
  expect_refused(train_on_device({}, "cuda:7"), "--device cuda:7: this machine has 1 GPU; use cuda:0");
  machine("devices=2");
  expect_refused(train_on_device({}, "cuda:7"),
                 "--device cuda:7: this machine has 2 GPUs; use cuda:0 ... cuda:1");
}

TEST_F(UnusableDevice, TheDeviceIsOlderThanTheKernels) {
  expect_device_refused(
      "capability=75 oldest_capability=80",
      "--device cuda:0: emulated has compute capability 7.5, this build needs 8.0 or newer; use "
      "another GPU or --device cpu");
  machine("capability=75 oldest_capability=80");  // auto leaves such a device alone
  EXPECT_THAT(expect_success(train("out", {"--device", "auto", "--dry-run"})).out, HasSubstr("thread"));
}

TEST_F(UnusableDevice, TheDeviceDoesNotRunTheKernels) {
  expect_device_refused(
      "capability=120 oldest_capability=80 driver=13000 runtime=13010 launch_failure=bad_ptx",
      "--device cuda:0: emulated does not run this build's kernels; the driver supports CUDA 13.0, "
      "this build is for CUDA 13.1: install a newer driver (kernel counters_clear (4096): bad_ptx)");
  expect_device_refused(
      "capability=120 oldest_capability=80 driver=13010 runtime=13010 launch_failure=no_image",
      "build for its compute capability, 12.0, with -DCMAKE_CUDA_ARCHITECTURES (kernel "
      "counters_clear (4096): no_image)");
}

TEST_F(UnusableDevice, ItsMemoryIsTooSmallForTheRun) {
  machine("memory=2000000");
  expect_refused(train_on_device(),
                 "GB of memory on cuda:0, 0.002 GB are free; lower data.batch_size, buffer.size "
                 "or model.width");
  expect_refused(train_on_device({"--dry-run"}), "this run needs ");
  // The resident data set and the buffer count.
  machine("memory=100000000");
  expect_refused(train_on_device(set({"buffer.size=1000000"})), "this run needs 0.77");
}

TEST_F(UnusableDevice, MemoryThatOthersTookBeforeAnythingIsWritten) {
  machine("no_memory_with=" + at("."));
  expect_refused(train_on_device(), "bytes free; see nvidia-smi for what else uses it");
}

TEST_F(UnusableDevice, MemoryThatOtherCommandsDoNotGet) {
  machine("no_memory_with=" + at("."));
  const RunResult result =
      run_engine({"bench", "step", "--device", "cuda", "--precision", "fp32", "--depth", "10", "--width", "1",
                  "--batch", "4", "--k", "1", "--iterations", "1"});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("bytes free; see nvidia-smi for what else uses it"));
}

TEST_F(UnusableDevice, AnErrorDuringTheRunNamesTheKernelAndItsSizes) {
  machine("launch_failure_with=" + at("out/config.toml"));
  const RunResult result = run_engine(train_on_device());
  EXPECT_EQ(result.status, 1);
  // The address sanitizer warns once about the emulator's fibers ("==PID==WARNING: ...").
  EXPECT_THAT(
      without_plan(result.err),
      ::testing::MatchesRegex(
          "(==[0-9]+==WARNING: ASan[^\n]*\n)?mebm_engine: kernel [a-z_ ]+ \\([0-9].*\\): an_error\n"));
  EXPECT_THAT(bytes_of(at("out/run.log")), HasSubstr("failed at iteration 0: kernel "));
}

TEST_F(UnusableDevice, MemoryThatRunsOutDuringTheRun) {
  machine("no_memory_with=" + at("out/run.log"));
  const RunResult result = run_engine(train_on_device());
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, AllOf(HasSubstr("MiB are free; lower data.batch_size, buffer.size or model.width"),
                                HasSubstr("out of memory: the device refused 1 MiB beyond ")));
  EXPECT_THAT(bytes_of(at("out/run.log")),
              HasSubstr("failed at iteration 0: out of memory: the device refused"));
}

}  // namespace
}  // namespace mebm::testing

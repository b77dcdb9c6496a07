#include "kernels/compat/device_problems.h"

namespace mebm::kernels::runtime {
namespace {

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string capability_text(int capability) {
  return std::to_string(capability / 10) + "." + std::to_string(capability % 10);
}

}  // namespace

std::string driver_problem(DriverFailure failure, int driver_version, int runtime_version,
                           const std::string& words) {
  const std::string said = " (" + words + ")";
  if (failure == DriverFailure::stub_library)
    return "the CUDA driver library found is a stub for linking; install the NVIDIA driver or take the stub "
           "out of the library path" +
           said;
  if (driver_version == 0)
    return "no NVIDIA driver is installed or loaded (libcuda.so.1 was not found or does not start); install "
           "it, or use --device cpu" +
           said;
  const std::string driver = version_text(driver_version), runtime = version_text(runtime_version);
  if (failure == DriverFailure::too_old)
    return "the NVIDIA driver is too old: it supports CUDA " + driver + ", this build needs CUDA " + runtime +
           "; install a newer driver" + said;
  if (failure == DriverFailure::no_device)
    return "the NVIDIA driver (CUDA " + driver +
           ") finds no device; see nvidia-smi and CUDA_VISIBLE_DEVICES" + said;
  return "the NVIDIA driver (CUDA " + driver + ", this build: CUDA " + runtime + ") cannot be used" + said;
}

std::string capability_problem(const DeviceProperties& properties) {
  const int capability = 10 * properties.major + properties.minor;
  if (capability >= properties.oldest_capability) return {};
  return properties.name + " has compute capability " + capability_text(capability) + ", this build needs " +
         capability_text(properties.oldest_capability) + " or newer; use another GPU or --device cpu";
}

std::string kernels_remedy(const DeviceProperties& properties) {
  if (properties.driver_version < properties.runtime_version)
    return "the driver supports CUDA " + version_text(properties.driver_version) +
           ", this build is for CUDA " + version_text(properties.runtime_version) +
           ": install a newer driver";
  return "build for its compute capability, " + capability_text(10 * properties.major + properties.minor) +
         ", with -DCMAKE_CUDA_ARCHITECTURES";
}

}  // namespace mebm::kernels::runtime

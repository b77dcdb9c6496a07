#include "tests/cuda/described_device.h"

#include <nlohmann/json.hpp>

namespace mebm::test {

using kernels::cudnn::Descriptor;

// The keys are the ones cuDNN asks for, all of them, and numbers all: it takes no booleans.
Descriptor described_device(const std::string& name) {
  const bool h200 = name == "H200";
  const nlohmann::json properties = {{"deviceName", h200 ? "NVIDIA H200" : "NVIDIA H100 80GB HBM3"},
                                     {"deviceVer", 900},
                                     {"driverVer", 13000},
                                     {"cudaDeviceId", 0},
                                     {"pciDeviceId", 0},
                                     {"multiProcessorCount", 132},
                                     {"warpSize", 32},
                                     {"maxGridSize", {2147483647, 65535, 65535}},
                                     {"maxBlockSize", {1024, 1024, 64}},
                                     {"maxThreadsPerBlock", 1024},
                                     {"maxThreadsPerSM", 2048},
                                     {"maxCtasPerSM", 32},
                                     {"regsPerBlock", 65536},
                                     {"maxRegistersPerSM", 65536},
                                     {"maxSharedMemoryPerBlock", 49152},
                                     {"maxSharedMemoryPerBlockOptin", 232448},
                                     {"reservedSharedMemoryPerBlock", 1024},
                                     {"l2CacheSize", h200 ? 62914560 : 52428800},
                                     {"smClockRateKHz", 1980000},
                                     {"memClockRateKHz", h200 ? 3201000 : 2619000},
                                     {"totalGlobalMem", h200 ? 150754820096 : 85017755648},
                                     {"isTccDriver", 0},
                                     {"supportCoopLaunch", 1}};
  Descriptor device(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  device.set_text(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, properties.dump()).finalize();
  return device;
}

}  // namespace mebm::test

#include "kernels/peers/curand_peer.h"

namespace mebm::kernels::peers {
namespace {

Status absent() {
  return Status("this build has no cuRAND: its toolkit lacks curand_kernel.h, or it is the emulator's");
}

}  // namespace

bool has_curand() {
  return false;
}

Status curand_philox(const DeviceExec&, std::int64_t, const std::uint32_t*, std::uint32_t*, std::uint32_t*) {
  return absent();
}

Status curand_normal(const DeviceExec&, std::int64_t, std::uint64_t, float*) {
  return absent();
}

}  // namespace mebm::kernels::peers

// The device runtime of builds without a device backend: finds no device, and says so.

#include "kernels/compat/runtime.h"

namespace mebm::kernels::runtime {
namespace {

Status no_backend() {
  return Status("this build has no CUDA backend; configure the preset cuda");
}

}  // namespace

const char* backend_name() {
  return "none";
}

Status device_count(int& count) {
  count = 0;
  return no_backend();
}
Status device_properties(int, DeviceProperties&) {
  return no_backend();
}
Status select_device(int) {
  return no_backend();
}
Status free_memory(std::size_t&, std::size_t&) {
  return no_backend();
}

Status allocate(std::size_t, void*&) {
  return no_backend();
}
void release(void*) {}
Status allocate_pinned(std::size_t, void*&) {
  return no_backend();
}
void release_pinned(void*) {}

Status create_stream(Stream*&) {
  return no_backend();
}
void destroy(Stream*) {}
Status create_event(Event*&) {
  return no_backend();
}
void destroy(Event*) {}
Status record(Event*, Stream*) {
  return no_backend();
}
Status wait(Stream*, Event*) {
  return no_backend();
}
Status synchronize(Stream*) {
  return no_backend();
}
Status finished(Event*, bool&) {
  return no_backend();
}
Status copy(Stream*, Copy, void*, const void*, std::size_t) {
  return no_backend();
}
Status fill_bytes(Stream*, void*, int, std::size_t) {
  return no_backend();
}

Status begin_capture(Stream*) {
  return no_backend();
}
Status end_capture(Stream*, Graph*&) {
  return no_backend();
}
Status launch(Graph*, Stream*) {
  return no_backend();
}
void destroy(Graph*) {}
std::size_t node_count(const Graph*) {
  return 0;
}

}  // namespace mebm::kernels::runtime

#pragma once
// cuDNN's backend descriptors, owned. The first failure of a descriptor stays with it: later calls do
// nothing, so that a descriptor is filled in one go and asked once.

#include <cudnn.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/compat/status.h"

namespace mebm::kernels::cudnn {

// Empty for success; else the call, cuDNN's name of the status and its last words.
Status check(cudnnStatus_t status, const std::string& call);

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(cudnnBackendDescriptorType_t type);
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&& other) noexcept;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor();

  Descriptor& set(cudnnBackendAttributeName_t name, std::int64_t value);
  Descriptor& set(cudnnBackendAttributeName_t name, const std::vector<std::int64_t>& values);
  Descriptor& set(cudnnBackendAttributeName_t name, float value);
  Descriptor& set(cudnnBackendAttributeName_t name, bool value);
  Descriptor& set(cudnnBackendAttributeName_t name, cudnnDataType_t value);
  Descriptor& set(cudnnBackendAttributeName_t name, cudnnConvolutionMode_t value);
  Descriptor& set(cudnnBackendAttributeName_t name, cudnnPointwiseMode_t value);
  Descriptor& set(cudnnBackendAttributeName_t name, cudnnBackendHeurMode_t value);
  Descriptor& set(cudnnBackendAttributeName_t name, cudnnHandle_t value);
  Descriptor& set_text(cudnnBackendAttributeName_t name, const std::string& characters);
  // The other descriptor's failure becomes this one's.
  Descriptor& set(cudnnBackendAttributeName_t name, const Descriptor& value);
  Descriptor& set(cudnnBackendAttributeName_t name, const std::vector<const Descriptor*>& values);
  Descriptor& set(cudnnBackendAttributeName_t name, const std::vector<void*>& pointers);
  Descriptor& finalize();

  // Of a finalized descriptor.
  Status get(cudnnBackendAttributeName_t name, std::int64_t& value) const;
  Status get(cudnnBackendAttributeName_t name, std::string& characters) const;
  Status get(cudnnBackendAttributeName_t name, std::vector<cudnnBackendNumericalNote_t>& notes) const;
  // Descriptors of `type`, as many as there are.
  Status get(cudnnBackendAttributeName_t name, cudnnBackendDescriptorType_t type,
             std::vector<Descriptor>& values) const;

  cudnnBackendDescriptor_t get() const { return descriptor_; }
  const Status& status() const { return status_; }

 private:
  Descriptor& set_raw(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
                      const void* values);
  Status get_raw(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t capacity,
                 std::int64_t& count, void* values) const;

  cudnnBackendDescriptor_t descriptor_ = nullptr;
  Status status_;
};

class Handle {
 public:
  static Status make(std::unique_ptr<Handle>& out);
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle();
  cudnnHandle_t get() const { return handle_; }

 private:
  explicit Handle(cudnnHandle_t handle) : handle_(handle) {}
  cudnnHandle_t handle_;
};

// What plans are made for: a device through a handle, or (handle null) one described by `properties`, a
// finalized DEVICEPROP descriptor; the latter needs no GPU and gives plans that cannot run.
struct Target {
  cudnnHandle_t handle = nullptr;
  const Descriptor* properties = nullptr;
};

}  // namespace mebm::kernels::cudnn

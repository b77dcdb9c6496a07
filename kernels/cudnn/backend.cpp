#include "kernels/cudnn/backend.h"

#include <utility>

namespace mebm::kernels::cudnn {
namespace {

std::string attribute_text(cudnnBackendAttributeName_t name) {
  return "(attribute " + std::to_string(static_cast<int>(name)) + ")";
}

}  // namespace

Status check(cudnnStatus_t status, const std::string& call) {
  if (status == CUDNN_STATUS_SUCCESS) return {};
  std::string words(1024, '\0');
  cudnnGetLastErrorString(words.data(), words.size());
  words.resize(words.find('\0') == std::string::npos ? words.size() : words.find('\0'));
  std::string text = call + ": " + cudnnGetErrorString(status) + (words.empty() ? "" : ": " + words);
  const bool memory = status == CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED ||
                      status == CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED;
  return memory ? Status::out_of_memory(std::move(text)) : Status(std::move(text));
}

Descriptor::Descriptor(cudnnBackendDescriptorType_t type)
    : status_(check(cudnnBackendCreateDescriptor(type, &descriptor_),
                    "cudnnBackendCreateDescriptor(type " + std::to_string(static_cast<int>(type)) + ")")) {}

Descriptor::Descriptor(Descriptor&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, nullptr)), status_(std::move(other.status_)) {}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(status_, other.status_);
  return *this;
}

Descriptor::~Descriptor() {
  if (descriptor_ != nullptr) (void)cudnnBackendDestroyDescriptor(descriptor_);
}

Descriptor& Descriptor::set_raw(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                                std::int64_t count, const void* values) {
  if (!status_.ok()) return *this;
  status_ = check(cudnnBackendSetAttribute(descriptor_, name, type, count, values),
                  "cudnnBackendSetAttribute" + attribute_text(name));
  return *this;
}

Descriptor& Descriptor::set(cudnnBackendAttributeName_t name, std::int64_t value) {
  return set_raw(name, CUDNN_TYPE_INT64, 1, &value);
}
Descriptor& Descriptor::set(cudnnBackendAttributeName_t name, const std::vector<std::int64_t>& values) {
  return set_raw(name, CUDNN_TYPE_INT64, static_cast<std::int64_t>(values.size()), values.data());
}
Descriptor& Descriptor::set(cudnnBackendAttributeName_t name, float value) {
  return set_raw(name, CUDNN_TYPE_FLOAT, 1, &value);
}
Descriptor& Descriptor::set(cudnnBackendAttributeName_t name, bool value) {
  return set_raw(name, CUDNN_TYPE_BOOLEAN, 1, &value);
}
Descriptor& Descriptor::set(cudnnBackendAttributeName_t name, cudnnDataType_t value) {
  return set_raw(name, CUDNN_TYPE_DATA_TYPE, 1, &value);
}
Descriptor& Descriptor::set(cudnnBackendAttributeName_t name, cudnnConvolutionMode_t value) {
  return set_raw(name, CUDNN_TYPE_CONVOLUTION_MODE, 1, &value);
}
Descriptor& Descriptor::set(cudnnBackendAttributeName_t name, cudnnPointwiseMode_t value) {
  return set_raw(name, CUDNN_TYPE_POINTWISE_MODE, 1, &value);
}
Descriptor& Descriptor::set(cudnnBackendAttributeName_t name, cudnnBackendHeurMode_t value) {
  return set_raw(name, CUDNN_TYPE_HEUR_MODE, 1, &value);
}
Descriptor& Descriptor::set(cudnnBackendAttributeName_t name, cudnnHandle_t value) {
  return set_raw(name, CUDNN_TYPE_HANDLE, 1, &value);
}
Descriptor& Descriptor::set_text(cudnnBackendAttributeName_t name, const std::string& characters) {
  return set_raw(name, CUDNN_TYPE_CHAR, static_cast<std::int64_t>(characters.size()), characters.data());
}
Descriptor& Descriptor::set(cudnnBackendAttributeName_t name, const Descriptor& value) {
  return set(name, std::vector<const Descriptor*>{&value});
}
Descriptor& Descriptor::set(cudnnBackendAttributeName_t name, const std::vector<const Descriptor*>& values) {
  std::vector<cudnnBackendDescriptor_t> raw;
  for (const Descriptor* value : values) {
    if (status_.ok()) status_ = value->status();
    raw.push_back(value->get());
  }
  return set_raw(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, static_cast<std::int64_t>(raw.size()), raw.data());
}
Descriptor& Descriptor::set(cudnnBackendAttributeName_t name, const std::vector<void*>& pointers) {
  return set_raw(name, CUDNN_TYPE_VOID_PTR, static_cast<std::int64_t>(pointers.size()), pointers.data());
}

Descriptor& Descriptor::finalize() {
  if (status_.ok()) status_ = check(cudnnBackendFinalize(descriptor_), "cudnnBackendFinalize()");
  return *this;
}

Status Descriptor::get_raw(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                           std::int64_t capacity, std::int64_t& count, void* values) const {
  if (!status_.ok()) return status_;
  return check(cudnnBackendGetAttribute(descriptor_, name, type, capacity, &count, values),
               "cudnnBackendGetAttribute" + attribute_text(name));
}

Status Descriptor::get(cudnnBackendAttributeName_t name, std::int64_t& value) const {
  std::int64_t count = 0;
  return get_raw(name, CUDNN_TYPE_INT64, 1, count, &value);
}

Status Descriptor::get(cudnnBackendAttributeName_t name, std::string& characters) const {
  std::int64_t size = 0;
  if (Status status = get_raw(name, CUDNN_TYPE_CHAR, 0, size, nullptr); !status.ok()) return status;
  characters.assign(static_cast<std::size_t>(size), '\0');
  if (Status status = get_raw(name, CUDNN_TYPE_CHAR, size, size, characters.data()); !status.ok())
    return status;
  characters.resize(characters.find('\0') == std::string::npos ? characters.size() : characters.find('\0'));
  return {};
}

Status Descriptor::get(cudnnBackendAttributeName_t name,
                       std::vector<cudnnBackendNumericalNote_t>& notes) const {
  std::int64_t count = 0;
  notes.resize(CUDNN_NUMERICAL_NOTE_TYPE_COUNT);
  Status status =
      get_raw(name, CUDNN_TYPE_NUMERICAL_NOTE, CUDNN_NUMERICAL_NOTE_TYPE_COUNT, count, notes.data());
  notes.resize(status.ok() ? static_cast<std::size_t>(count) : 0);
  return status;
}

Status Descriptor::get(cudnnBackendAttributeName_t name, cudnnBackendDescriptorType_t type,
                       std::vector<Descriptor>& values) const {
  values.clear();
  std::int64_t count = 0;
  if (Status status = get_raw(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, count, nullptr); !status.ok())
    return status;
  std::vector<cudnnBackendDescriptor_t> raw;
  for (std::int64_t i = 0; i < count; ++i) {
    values.emplace_back(type);
    if (!values.back().status().ok()) return values.back().status();
    raw.push_back(values.back().get());
  }
  Status status = get_raw(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, count, count, raw.data());
  values.resize(status.ok() ? static_cast<std::size_t>(count) : 0);
  return status;
}

Status Handle::make(std::unique_ptr<Handle>& out) {
  const std::size_t version = cudnnGetVersion();
  if (version / 10000 != CUDNN_MAJOR)
    return Status("this build needs cuDNN " + std::to_string(CUDNN_MAJOR) + "; the library found is " +
                  std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100));
  cudnnHandle_t handle = nullptr;
  if (Status status = check(cudnnCreate(&handle), "cudnnCreate()"); !status.ok()) return status;
  out.reset(new Handle(handle));
  return {};
}

Handle::~Handle() {
  (void)cudnnDestroy(handle_);
}

}  // namespace mebm::kernels::cudnn

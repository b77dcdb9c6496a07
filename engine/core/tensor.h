#pragma once
// A view of arena memory with a logical shape, an element type and a layout. Copies share the memory.

#include <cstdint>
#include <utility>

#include "engine/core/arena.h"
#include "engine/core/dtype.h"
#include "engine/core/shape.h"

namespace mebm::engine {

// How an operation treats what its destination holds already.
enum class WriteMode { overwrite, accumulate };

class Tensor {
 public:
  Tensor() = default;
  // Uninitialised memory. Blocked layouts need rank 4 and pad the channels.
  Tensor(Arena& arena, const Shape& shape, DType dtype, Layout layout = Layout::plain);
  Tensor(const Tensor& other);
  Tensor(Tensor&& other) noexcept;
  Tensor& operator=(Tensor other) noexcept {
    swap(other);
    return *this;
  }
  ~Tensor() { reset(); }

  bool defined() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  std::int64_t extent(int i) const { return shape_[i]; }
  DType dtype() const { return dtype_; }
  Layout layout() const { return layout_; }
  std::int64_t elements() const { return shape_.elements(); }
  // Elements in memory, padding channels included.
  std::int64_t stored_elements() const;
  std::size_t bytes() const { return static_cast<std::size_t>(stored_elements()) * size_of(dtype_); }

  void* data() { return storage_->data + offset_; }
  const void* data() const { return storage_->data + offset_; }
  // Typed access; throws when T is not the tensor's element type.
  template <typename T>
  T* as() {
    check_type(DTypeOf<T>::value);
    return reinterpret_cast<T*>(storage_->data + offset_);
  }
  template <typename T>
  const T* as() const {
    check_type(DTypeOf<T>::value);
    return reinterpret_cast<const T*>(storage_->data + offset_);
  }

  // Rows begin ... begin + count - 1 of the first dimension; shares the memory.
  Tensor rows(std::int64_t begin, std::int64_t count) const;
  // The same memory under another shape of as many elements; plain layout only.
  Tensor reshaped(const Shape& shape) const;

  // True when no other tensor or saved value views this memory, so that it may be changed in place.
  bool unique() const { return storage_ != nullptr && storage_->references == 1; }
  // Whether the host may walk through data() in the order N,C,H,W.
  bool plain_on_host() const { return layout_ == Layout::plain && memory().on_host(); }
  // The memory the tensor lies in; the tensor must be defined.
  Memory& memory() const { return storage_->arena->memory(); }
  std::uint64_t storage_id() const { return storage_ ? storage_->id : 0; }
  std::uint32_t version() const { return storage_ ? storage_->version : 0; }
  // Announces an in-place change to whoever saved or cached the contents.
  void bump_version() { ++storage_->version; }
  void reset();

 private:
  void swap(Tensor& other) noexcept {
    std::swap(storage_, other.storage_);
    std::swap(offset_, other.offset_);
    std::swap(shape_, other.shape_);
    std::swap(dtype_, other.dtype_);
    std::swap(layout_, other.layout_);
  }
  void check_type(DType wanted) const {
    require(storage_ != nullptr && dtype_ == wanted, "tensor {} holds {}, {} was asked for", shape_,
            storage_ ? name_of(dtype_) : "nothing", name_of(wanted));
  }

  Storage* storage_ = nullptr;
  std::size_t offset_ = 0;  // bytes
  Shape shape_;
  DType dtype_ = DType::fp32;
  Layout layout_ = Layout::plain;
};

}  // namespace mebm::engine

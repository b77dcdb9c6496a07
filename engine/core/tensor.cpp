#include "engine/core/tensor.h"

namespace mebm::engine {
namespace {

std::int64_t stored(const Shape& shape, Layout layout) {
  const std::int64_t block = channel_block(layout);
  if (block == 1) return shape.elements();
  return shape[0] * ((shape[1] + block - 1) / block * block) * shape[2] * shape[3];
}

}  // namespace

Tensor::Tensor(Arena& arena, const Shape& shape, DType dtype, Layout layout)
    : shape_(shape), dtype_(dtype), layout_(layout) {
  require(layout == Layout::plain || shape.rank() == 4,
          "only a tensor of four dimensions has a layout of its own, got {}", shape);
  storage_ = arena.allocate(static_cast<std::size_t>(stored(shape, layout)) * size_of(dtype));
}

Tensor::Tensor(const Tensor& other)
    : storage_(other.storage_),
      offset_(other.offset_),
      shape_(other.shape_),
      dtype_(other.dtype_),
      layout_(other.layout_) {
  if (storage_ != nullptr) ++storage_->references;
}

Tensor::Tensor(Tensor&& other) noexcept {
  swap(other);
}

void Tensor::reset() {
  if (storage_ != nullptr && --storage_->references == 0) storage_->arena->release(storage_);
  storage_ = nullptr;
}

std::int64_t Tensor::stored_elements() const {
  return stored(shape_, layout_);
}

Tensor Tensor::rows(std::int64_t begin, std::int64_t count) const {
  require(shape_.rank() >= 1 && begin >= 0 && count >= 0 && begin + count <= shape_[0],
          "rows {} ... {} are outside tensor {}", begin, begin + count - 1, shape_);
  Tensor view = *this;
  view.shape_ = shape_.with_rows(count);
  const std::int64_t row_elements = shape_[0] == 0 ? 0 : stored_elements() / shape_[0];
  view.offset_ += static_cast<std::size_t>(begin * row_elements) * size_of(dtype_);
  return view;
}

Tensor Tensor::reshaped(const Shape& shape) const {
  require(layout_ == Layout::plain && shape.elements() == elements(), "tensor {} cannot be viewed as {}",
          shape_, shape);
  Tensor view = *this;
  view.shape_ = shape;
  return view;
}

}  // namespace mebm::engine

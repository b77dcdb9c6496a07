#pragma once
// One of the two processors that compute a case, and how the kinds of tensors lie there.

#include <cstdint>
#include <span>

#include "engine/device/context.h"
#include "selftest/values.h"

namespace mebm::selftest {

class Side {
 public:
  // real: the type of images, heads, parameters and statistics.
  Side(engine::Context& context, engine::DType real) : context_(context), real_(real) {}

  engine::Context& context() const { return context_; }
  engine::DType real() const { return real_; }
  engine::DType feature() const { return context_.feature_type(real_); }

  // A feature map [N,C,H,W].
  engine::Tensor features(const Array& array) const;
  engine::Tensor empty_features(const engine::Shape& shape) const;
  // Of the features' type, plain.
  engine::Tensor narrow(const Array& array) const;
  // Images, features after pooling, logits, statistics, gradients of parameters that are no convolution's.
  engine::Tensor plain(const Array& array) const;
  engine::Tensor wide(const Array& array) const;  // fp64
  // Convolution weights and their gradients.
  engine::Tensor filters(const Array& array) const;
  // A parameter: where a model's would be, beyond the case's own memory.
  engine::Tensor parameter(const Array& array, bool filters = false) const;
  engine::Tensor integers(const engine::Shape& shape, std::span<const std::int32_t> values) const;
  engine::Tensor bytes(const engine::Shape& shape, std::span<const std::uint8_t> values) const;

 private:
  engine::Tensor make(const Array& array, engine::DType dtype, engine::Layout layout) const;

  engine::Context& context_;
  engine::DType real_;
};

// Host values to a tensor and back by plain copies and host conversions, so that no kernel under test is part
// of it. Floating types.
void put(const Values& values, engine::Tensor& tensor);
Values get(const engine::Tensor& tensor);

}  // namespace mebm::selftest

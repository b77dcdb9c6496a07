#include "selftest/side.h"

#include <algorithm>

namespace mebm::selftest {

using engine::DType;
using engine::Layout;
using engine::Shape;
using engine::Tensor;

namespace {

// Calls visit(position in memory, position in the plain order).
template <typename Visit>
void for_each_position(const Tensor& tensor, const Visit& visit) {
  const auto elements = static_cast<std::size_t>(tensor.elements());
  if (tensor.layout() == Layout::plain) {
    for (std::size_t i = 0; i < elements; ++i) visit(i, i);
    return;
  }
  const auto block = static_cast<std::size_t>(
      tensor.layout() == Layout::channels_last ? tensor.extent(1) : engine::channel_block(tensor.layout()));
  const auto rows = static_cast<std::size_t>(tensor.extent(0)),
             channels = static_cast<std::size_t>(tensor.extent(1)),
             pixels = static_cast<std::size_t>(tensor.extent(2) * tensor.extent(3));
  engine::require(channels % block == 0, "selftest: {} pads its channels to blocks of {}",
                  tensor.shape().text(), block);
  for (std::size_t n = 0; n < rows; ++n)
    for (std::size_t c = 0; c < channels; ++c)
      for (std::size_t p = 0; p < pixels; ++p)
        visit(((n * channels + c / block * block) * pixels) + p * block + c % block,
              (n * channels + c) * pixels + p);
}

template <typename T, typename Narrow>
void put_as(const Values& values, Tensor& tensor, const Narrow& narrow) {
  std::vector<T> stored(static_cast<std::size_t>(tensor.elements()));
  if (values.size() < stored.size()) {
    std::transform(values.begin(), values.end(), stored.begin(), narrow);
    for (std::size_t i = values.size(); i < stored.size(); ++i) stored[i] = stored[i - values.size()];
  } else {
    for_each_position(tensor, [&](std::size_t at, std::size_t plain) { stored[at] = narrow(values[plain]); });
  }
  tensor.memory().write(tensor.data(), stored.data(), stored.size() * sizeof(T));
}

template <typename T, typename Widen>
void get_as(const Tensor& tensor, Values& values, const Widen& widen) {
  std::vector<T> stored(values.size());
  tensor.memory().read(stored.data(), tensor.data(), stored.size() * sizeof(T));
  for_each_position(tensor, [&](std::size_t at, std::size_t plain) { values[plain] = widen(stored[at]); });
}

template <typename T>
void put_raw(std::span<const T> values, Tensor& tensor) {
  engine::require(static_cast<std::int64_t>(values.size()) == tensor.elements(),
                  "selftest: {} values do not fit {}", values.size(), tensor.shape().text());
  tensor.memory().write(tensor.data(), values.data(), values.size_bytes());
}

}  // namespace

void put(const Values& values, Tensor& tensor) {
  if (tensor.dtype() == DType::bf16)
    put_as<kernels::bfloat16>(values, tensor,
                              [](double v) { return kernels::to_bfloat16(static_cast<float>(v)); });
  else if (tensor.dtype() == DType::fp32)
    put_as<float>(values, tensor, [](double v) { return static_cast<float>(v); });
  else
    put_as<double>(values, tensor, [](double v) { return v; });
  tensor.bump_version();
}

Values get(const Tensor& tensor) {
  Values values(static_cast<std::size_t>(tensor.elements()));
  if (tensor.dtype() == DType::bf16)
    get_as<kernels::bfloat16>(tensor, values,
                              [](kernels::bfloat16 v) { return static_cast<double>(kernels::to_float(v)); });
  else if (tensor.dtype() == DType::fp32)
    get_as<float>(tensor, values, [](float v) { return static_cast<double>(v); });
  else
    get_as<double>(tensor, values, [](double v) { return v; });
  return values;
}

Tensor Side::make(const Array& array, DType dtype, Layout layout) const {
  Tensor tensor = context_.empty(array.shape, dtype, layout);
  put(array.values, tensor);
  return tensor;
}

Tensor Side::empty_features(const Shape& shape) const {
  return context_.empty(shape, feature(), context_.feature_layout(shape[1], feature()));
}

Tensor Side::features(const Array& array) const {
  Tensor tensor = empty_features(array.shape);
  put(array.values, tensor);
  return tensor;
}

Tensor Side::narrow(const Array& array) const {
  return make(array, feature(), Layout::plain);
}

Tensor Side::plain(const Array& array) const {
  return make(array, real_, Layout::plain);
}

Tensor Side::wide(const Array& array) const {
  return make(array, DType::fp64, Layout::plain);
}

Tensor Side::filters(const Array& array) const {
  return make(array, real_, context_.weight_layout());
}

Tensor Side::parameter(const Array& array, bool filters) const {
  Tensor tensor(context_.lasting_arena(), array.shape, real_,
                filters ? context_.weight_layout() : Layout::plain);
  put(array.values, tensor);
  return tensor;
}

Tensor Side::integers(const Shape& shape, std::span<const std::int32_t> values) const {
  Tensor tensor = context_.empty(shape, DType::int32);
  put_raw(values, tensor);
  return tensor;
}

Tensor Side::bytes(const Shape& shape, std::span<const std::uint8_t> values) const {
  Tensor tensor = context_.empty(shape, DType::uint8);
  put_raw(values, tensor);
  return tensor;
}

}  // namespace mebm::selftest

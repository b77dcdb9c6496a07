#include "kernels/elementwise/elementwise.h"

#include <algorithm>
#include <vector>

#include "engine/ops/device/dispatch.h"
#include "engine/ops/device/ops.h"
#include "kernels/reorder/reorder.h"

namespace mebm::engine::ops::device {
namespace {

// Between element types where only one arithmetic type is involved: bf16 and fp32, or a type and itself.
template <typename Function>
void dispatch_pair(DType from, DType to, const char* op, Function&& function) {
  require(arithmetic_type(from) == arithmetic_type(to), "{}: no conversion from {} to {} on a device", op,
          name_of(from), name_of(to));
  dispatch(from, op, [&]<typename From>() {
    if (from == to) return function.template operator()<From, From>();
    using Real = kernels::Arithmetic<From>;
    if constexpr (std::is_same_v<From, Real>)
      dispatch(to, op, [&]<typename To>() {
        if constexpr (std::is_same_v<kernels::Arithmetic<To>, Real>) function.template operator()<From, To>();
      });
    else
      function.template operator()<From, Real>();
  });
}

}  // namespace

void copy(Context& context, const Tensor& from, Tensor& to, WriteMode mode) {
  const kernels::DeviceExec& exec = context.accelerator().exec();
  dispatch_pair(from.dtype(), to.dtype(), "copy", [&]<typename From, typename To>() {
    namespace reorder = kernels::reorder::device;
    if (from.layout() == to.layout())
      return check(reorder::cast(exec, from.elements(), from.as<From>(), to.as<To>(), adds(mode)));
    if (to.layout() == Layout::channels_last)
      return check(reorder::to_channels_last(exec, channels_last(to, "copy"), from.as<From>(), to.as<To>(),
                                             adds(mode)));
    check(reorder::to_plain(exec, channels_last(from, "copy"), from.as<From>(), to.as<To>(), adds(mode)));
  });
}

void axpby(Context& context, double alpha, const Tensor& x, double beta, Tensor& y) {
  dispatch(x.dtype(), "axpby", [&]<typename T>() {
    check(kernels::elementwise::device::axpby(context.accelerator().exec(), x.elements(), alpha, x.as<T>(),
                                              beta, y.as<T>()));
  });
}

void multiply(Context& context, double alpha, const Tensor& a, const Tensor& b, Tensor& out, WriteMode mode) {
  dispatch(a.dtype(), "multiply", [&]<typename T>() {
    check(kernels::elementwise::device::multiply(context.accelerator().exec(), a.elements(), alpha, a.as<T>(),
                                                 b.as<T>(), out.as<T>(), adds(mode)));
  });
}

void fill(Context& context, double value, Tensor& out) {
  dispatch(out.dtype(), "fill", [&]<typename T>() {
    check(
        kernels::elementwise::device::fill(context.accelerator().exec(), out.elements(), value, out.as<T>()));
  });
}

void broadcast(Context& context, const Tensor& value, Tensor& out) {
  dispatch_real(out.dtype(), "broadcast", [&]<typename T>() {
    check(kernels::elementwise::device::broadcast(context.accelerator().exec(), out.elements(), value.as<T>(),
                                                  out.as<T>()));
  });
}

void sum_into(Context& context, const Tensor& x, double alpha, Tensor& out, WriteMode mode) {
  const kernels::DeviceExec& exec = context.accelerator().exec();
  Tensor partial = scratch(context, kernels::elementwise::device::sum_scratch_bytes(exec));
  dispatch(x.dtype(), "sum", [&]<typename T>() {
    if (out.dtype() == DType::fp64)
      return check(kernels::elementwise::device::sum(exec, x.elements(), x.as<T>(), alpha, out.as<double>(),
                                                     adds(mode), partial.data()));
    check(kernels::elementwise::device::sum(exec, x.elements(), x.as<T>(), alpha,
                                            out.as<kernels::Arithmetic<T>>(), adds(mode), partial.data()));
  });
}

void sum_of_squares_into(Context& context, std::span<const Tensor* const> tensors, Tensor& out) {
  Accelerator& device = context.accelerator();
  Tensor partial = scratch(context, kernels::elementwise::device::sum_scratch_bytes(device.exec()));
  bool accumulate = false;
  // One launch per element type: weight gradients may be bf16 beside fp32 ones.
  for (const DType dtype : {DType::fp64, DType::fp32, DType::bf16}) {
    std::vector<const Tensor*> same;
    for (const Tensor* tensor : tensors)
      if (tensor->dtype() == dtype) same.push_back(tensor);
    if (same.empty()) continue;
    dispatch(dtype, "sum_of_squares", [&]<typename T>() {
      using Array = kernels::elementwise::device::Array<T>;
      std::vector<Array> arrays;
      kernels::runtime::Accesses memory;
      for (const Tensor* tensor : same) {
        arrays.push_back({tensor->as<T>(), tensor->elements()});
        memory.read(tensor->as<T>(), tensor->elements());
      }
      const void* table = device.table(arrays.data(), arrays.size() * sizeof(Array));
      check(kernels::elementwise::device::sum_of_squares(device.exec(), static_cast<const Array*>(table),
                                                         static_cast<int>(arrays.size()), out.as<double>(),
                                                         accumulate, partial.data(), memory));
    });
    accumulate = true;
  }
}

}  // namespace mebm::engine::ops::device

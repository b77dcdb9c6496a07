// Convolutions as operation graphs.

#include "kernels/conv2d/conv2d_checks.h"
#include "kernels/cudnn/convolution_plan.h"

namespace mebm::kernels::cudnn {
namespace {

using conv2d::Direction;
using conv2d::Params;
using conv2d::device::Element;

constexpr std::int64_t kAlignment = 16;

cudnnDataType_t data_type(Element element) {
  switch (element) {
    case Element::bf16:
      return CUDNN_DATA_BFLOAT16;
    case Element::tf32:
    case Element::fp32:
      return CUDNN_DATA_FLOAT;
    case Element::fp64:
      break;
  }
  return CUDNN_DATA_DOUBLE;
}

// Extents n, c, h, w (cuDNN's order) of memory that holds n, h, w, c. Weights: o, i, kernel, kernel.
Descriptor tensor(Tensor id, Element element, std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w,
                  bool is_virtual = false) {
  Descriptor out(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  out.set(CUDNN_ATTR_TENSOR_DATA_TYPE, is_virtual ? CUDNN_DATA_FLOAT : data_type(element))
      .set(CUDNN_ATTR_TENSOR_DIMENSIONS, {n, c, h, w})
      .set(CUDNN_ATTR_TENSOR_STRIDES, {h * w * c, 1, w * c, c})
      .set(CUDNN_ATTR_TENSOR_UNIQUE_ID, static_cast<std::int64_t>(id))
      .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, kAlignment)
      .set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, is_virtual)
      .finalize();
  return out;
}

struct DirectionAttributes {
  cudnnBackendDescriptorType_t type;
  cudnnBackendAttributeName_t convolution, x, weights, y, alpha, beta;
};

DirectionAttributes attributes_of(Direction direction) {
  switch (direction) {
    case Direction::forward:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
    case Direction::backward_data:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
    case Direction::backward_weights:
      break;
  }
  return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};
}

Descriptor addition(const Descriptor& operation, const Descriptor& left, const Descriptor& right,
                    const Descriptor& sum) {
  Descriptor out(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  out.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, operation)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, left)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, right)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, sum)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_ALPHA1, 1.0F)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_ALPHA2, 1.0F)
      .finalize();
  return out;
}

// Collects a graph's descriptors at addresses that stay, in the order they are made.
class Parts {
 public:
  explicit Parts(Graph& graph) : parts_(graph.parts) { parts_.reserve(kMax); }
  const Descriptor& add(Descriptor part) {
    parts_.push_back(std::move(part));
    return parts_.back();
  }
  const Descriptor& add_operation(Descriptor part) {
    operations_.push_back(&add(std::move(part)));
    return *operations_.back();
  }
  const std::vector<const Descriptor*>& operations() const { return operations_; }

 private:
  static constexpr std::size_t kMax = 16;
  std::vector<Descriptor>& parts_;
  std::vector<const Descriptor*> operations_;
};

Descriptor convolution_descriptor(const Params& p) {
  Descriptor out(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  out.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT)
      .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION)
      .set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, std::int64_t{2})
      .set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, {p.stride, p.stride})
      .set(CUDNN_ATTR_CONVOLUTION_DILATIONS, {1, 1})
      .set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, {p.padding, p.padding})
      .set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, {p.padding, p.padding})
      .finalize();
  return out;
}

void add_epilogue(Parts& parts, const Convolution& c, const Descriptor& product) {
  const Params& p = c.params;
  Descriptor mode(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  mode.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_POINTWISE_ADD)
      .set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT)
      .finalize();
  const Descriptor& add = parts.add(std::move(mode));
  const Descriptor* biased = &product;
  if (p.accumulate) {
    const Descriptor& residual =
        parts.add(tensor(Tensor::residual, c.element, p.images, p.out_channels, p.out_height, p.out_width));
    biased =
        &parts.add(tensor(Tensor::sum, c.element, p.images, p.out_channels, p.out_height, p.out_width, true));
    parts.add_operation(addition(add, product, residual, *biased));
  }
  const Descriptor& bias = parts.add(tensor(Tensor::bias, c.element, 1, p.out_channels, 1, 1));
  const Descriptor& y =
      parts.add(tensor(Tensor::y, c.element, p.images, p.out_channels, p.out_height, p.out_width));
  parts.add_operation(addition(add, *biased, bias, y));
}

}  // namespace

std::string name_of(const Convolution& c) {
  return conv2d::device::name_of(c.params, c.direction, c.element) + (c.epilogue ? ", with bias" : "");
}

Status make_graph(const Target& target, const Convolution& c, Graph& graph) {
  const Params& p = c.params;
  const DirectionAttributes names = attributes_of(c.direction);
  graph = Graph();
  Parts parts(graph);
  const Descriptor& x =
      parts.add(tensor(Tensor::x, c.element, p.images, p.in_channels, p.in_height, p.in_width));
  const Descriptor& weights =
      parts.add(tensor(Tensor::weights, c.element, p.out_channels, p.in_channels, p.kernel, p.kernel));
  const Descriptor& y = parts.add(tensor(c.epilogue ? Tensor::product : Tensor::y, c.element, p.images,
                                         p.out_channels, p.out_height, p.out_width, c.epilogue));
  const Descriptor& convolution = parts.add(convolution_descriptor(p));
  Descriptor operation(names.type);
  operation.set(names.convolution, convolution)
      .set(names.x, x)
      .set(names.weights, weights)
      .set(names.y, y)
      .set(names.alpha, 1.0F)
      .set(names.beta, 0.0F)
      .finalize();
  parts.add_operation(std::move(operation));
  if (c.epilogue) add_epilogue(parts, c, y);
  graph.operations = Descriptor(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  if (target.handle != nullptr) graph.operations.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, target.handle);
  return graph.operations.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, parts.operations()).finalize().status();
}

}  // namespace mebm::kernels::cudnn

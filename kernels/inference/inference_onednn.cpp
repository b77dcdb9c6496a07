// Inference steps through oneDNN: a primitive and its weights per step, memory objects per call, since
// several threads run one step.

#include <dnnl.hpp>

#include <omp.h>

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>

#include "kernels/inference/inference.h"

namespace mebm::kernels::inference {
namespace {

using dnnl::memory;
using Dims = memory::dims;
using Tag = memory::format_tag;

// The library plans for as many threads as OpenMP has; a step has one.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

memory::desc describe(const MapShape& shape, int block) {
  const int own = block_of(shape.channels, block);
  const Tag tag = own == 16 ? Tag::nChw16c : own == 8 ? Tag::nChw8c : Tag::nchw;
  return {{1, shape.channels, shape.height, shape.width}, memory::data_type::f32, tag};
}

dnnl::primitive_attr caller_owns_scratch() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

class OneDnnStep : public Step {
 public:
  std::size_t scratch_bytes() const override { return scratch_.get_size(); }

  std::string run(const float* x, float* y, void* scratch) const override {
    try {
      std::unordered_map<int, memory> arguments{
          {DNNL_ARG_SRC, memory(source_, engine_, const_cast<float*>(x))},
          {DNNL_ARG_DST, memory(destination_, engine_, y)},
          {DNNL_ARG_SCRATCHPAD, memory(scratch_, engine_, scratch)}};
      add_parameters(arguments);
      dnnl::stream stream(engine_);
      primitive_.execute(stream, arguments);
      stream.wait();
      return {};
    } catch (const dnnl::error& e) {
      return std::string("oneDNN: ") + e.what();
    }
  }

 protected:
  OneDnnStep(memory::desc source, memory::desc destination)
      : engine_(dnnl::engine::kind::cpu, 0),
        source_(std::move(source)),
        destination_(std::move(destination)) {}

  virtual void add_parameters(std::unordered_map<int, memory>&) const {}

  dnnl::engine engine_;
  memory::desc source_, destination_, scratch_;
  dnnl::primitive primitive_;
};

class ConvolutionStep final : public OneDnnStep {
 public:
  ConvolutionStep(const MapShape& input, const Convolution& c, int block, const float* weights,
                  const float* bias)
      : OneDnnStep(describe(input, block), describe(output_shape(input, c), block)) {
    const Dims extents{c.out_channels, input.channels, c.kernel_height, c.kernel_width};
    const Dims strides{c.stride, c.stride}, padding{c.padding_height, c.padding_width};
    const memory::desc any(extents, memory::data_type::f32, Tag::any);
    const memory::desc plain(extents, memory::data_type::f32, Tag::oihw);
    const memory::desc bias_desc({c.out_channels}, memory::data_type::f32, Tag::x);
    dnnl::primitive_attr attributes = caller_owns_scratch();
    dnnl::post_ops post;
    post.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
    attributes.set_post_ops(post);
    const dnnl::convolution_forward::primitive_desc pd(
        {dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, source_, any, bias_desc,
         destination_, strides, padding, padding},
        attributes, engine_);
    primitive_ = dnnl::convolution_forward(pd);
    scratch_ = pd.scratchpad_desc();
    weights_ = memory(pd.weights_desc(), engine_);
    bias_ = memory(bias_desc, engine_);
    dnnl::stream stream(engine_);
    memory from(plain, engine_, const_cast<float*>(weights));
    dnnl::reorder(from, weights_).execute(stream, from, weights_);
    stream.wait();
    std::copy_n(bias, c.out_channels, static_cast<float*>(bias_.get_data_handle()));
  }

 private:
  void add_parameters(std::unordered_map<int, memory>& arguments) const override {
    arguments.emplace(DNNL_ARG_WEIGHTS, weights_);
    arguments.emplace(DNNL_ARG_BIAS, bias_);
  }

  memory weights_, bias_;
};

class PoolStep final : public OneDnnStep {
 public:
  PoolStep(const MapShape& input, const Pool& pool, int block)
      : OneDnnStep(describe(input, block), describe(output_shape(input, pool), block)) {
    const auto algorithm = pool.kind == PoolKind::max ? dnnl::algorithm::pooling_max
                                                      : dnnl::algorithm::pooling_avg_exclude_padding;
    const Dims strides{pool.stride, pool.stride}, kernel{pool.kernel, pool.kernel};
    const Dims padding{pool.padding, pool.padding};
    const dnnl::pooling_forward::primitive_desc pd({dnnl::prop_kind::forward_inference, algorithm, source_,
                                                    destination_, strides, kernel, padding, padding},
                                                   caller_owns_scratch(), engine_);
    primitive_ = dnnl::pooling_forward(pd);
    scratch_ = pd.scratchpad_desc();
  }
};

std::int64_t extent(std::int64_t in, std::int64_t kernel, std::int64_t stride, std::int64_t padding) {
  return in + 2 * padding < kernel ? 0 : (in + 2 * padding - kernel) / stride + 1;
}

template <typename Made, typename... Args>
StepResult make(const Args&... args) {
  const OneThread one_thread;
  try {
    return {std::make_unique<Made>(args...), {}};
  } catch (const dnnl::error& e) {
    return {nullptr, std::string("oneDNN: ") + e.what()};
  }
}

}  // namespace

MapShape output_shape(const MapShape& input, const Convolution& c) {
  return {c.out_channels, extent(input.height, c.kernel_height, c.stride, c.padding_height),
          extent(input.width, c.kernel_width, c.stride, c.padding_width)};
}

MapShape output_shape(const MapShape& input, const Pool& pool) {
  return {input.channels, extent(input.height, pool.kernel, pool.stride, pool.padding),
          extent(input.width, pool.kernel, pool.stride, pool.padding)};
}

StepResult make_convolution(const MapShape& input, const Convolution& convolution, int block,
                            const float* weights, const float* bias) {
  return make<ConvolutionStep>(input, convolution, block, weights, bias);
}

StepResult make_pool(const MapShape& input, const Pool& pool, int block) {
  return make<PoolStep>(input, pool, block);
}

}  // namespace mebm::kernels::inference

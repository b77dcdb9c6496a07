// fp32 direct convolutions through oneDNN: one primitive per plan, memory objects made once, weights in the
// primitive's own format, scratch memory from the caller.

#include <dnnl.hpp>

#include <string_view>
#include <vector>

#include "kernels/conv2d/conv2d.h"

namespace mebm::kernels::conv2d {
namespace {

using dnnl::memory;
using Dims = memory::dims;
using Tag = memory::format_tag;

Tag tag_of_block(int block) {
  return block == 16 ? Tag::nChw16c : block == 8 ? Tag::nChw8c : Tag::nchw;
}

memory::desc describe(const Dims& dims, Tag tag) {
  return {dims, memory::data_type::f32, tag};
}

std::size_t align(std::size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

// Shapes of one convolution in oneDNN's terms. `any` asks the library for its favourite format.
struct Descriptors {
  memory::desc x, y, weights_any, weights_plain, bias;
  Dims strides, padding;

  Descriptors(const Params& p, int source_block, int destination_block)
      : x(describe({p.images, p.in_channels, p.in_height, p.in_width}, tag_of_block(source_block))),
        y(describe({p.images, p.out_channels, p.out_height, p.out_width}, tag_of_block(destination_block))),
        weights_any(describe({p.out_channels, p.in_channels, p.kernel, p.kernel}, Tag::any)),
        weights_plain(describe({p.out_channels, p.in_channels, p.kernel, p.kernel}, Tag::oihw)),
        bias(describe({p.out_channels}, Tag::x)),
        strides{p.stride, p.stride},
        padding{p.padding, p.padding} {}
};

dnnl::convolution_forward::primitive_desc forward_descriptor(const dnnl::engine& engine, const Params& p,
                                                             const Descriptors& d, const memory::desc& x) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (p.accumulate) {
    dnnl::post_ops post;
    post.append_sum(1.0f);
    attributes.set_post_ops(post);
  }
  return {{dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct, x, d.weights_any, d.bias,
           d.y, d.strides, d.padding, d.padding},
          attributes,
          engine};
}

class OneDnnPlan final : public Plan {
 public:
  OneDnnPlan(const Params& params, Direction direction, int block)
      : engine_(dnnl::engine::kind::cpu, 0),
        stream_(engine_),
        direction_(direction),
        source_block_(params.in_channels % block == 0 ? block : 1),
        destination_block_(params.out_channels % block == 0 ? block : 1),
        out_channels_(params.out_channels) {
    const Descriptors d(params, source_block_, destination_block_);
    switch (direction) {
      case Direction::forward:
        make_forward(params, d);
        break;
      case Direction::backward_data:
        make_backward_data(params, d);
        break;
      case Direction::backward_weights:
        make_backward_weights(params, d, block);
        break;
    }
  }

  int source_block() const override { return source_block_; }
  int destination_block() const override { return destination_block_; }
  std::size_t prepared_weight_bytes() const override { return weights_.get_size(); }
  std::size_t workspace_bytes() const override {
    return align(scratch_bytes_) + align(staged_weight_bytes_) + align(staged_bias_bytes());
  }
  const char* algorithm() const override { return "direct"; }

  std::uint64_t weight_format() const override {
    // The descriptor is a plain C struct, zeroed before it is filled: equal formats have equal bytes.
    std::uint64_t hash = 14695981039346656037u;
    const auto* bytes = reinterpret_cast<const unsigned char*>(&weights_.data);
    for (std::size_t i = 0; i < sizeof weights_.data; ++i) hash = (hash ^ bytes[i]) * 1099511628211u;
    return hash;
  }
  void prepare_weights(const void* plain, void* prepared) const override {
    plain_memory_.set_data_handle(const_cast<void*>(plain), stream_);
    weight_memory_.set_data_handle(prepared, stream_);
    const dnnl_status_t status = reorder(to_private_, plain_memory_, weight_memory_);
    if (status != dnnl_success) throw dnnl::error(status, "could not reorder a convolution's weights");
    stream_.wait();
  }

  std::string execute(const Buffers& b) const override {
    const dnnl_status_t status =
        direction_ == Direction::backward_weights ? execute_weights(b) : execute_data(b);
    return status == dnnl_success ? std::string() : "oneDNN returned status " + std::to_string(status);
  }

 private:
  void make_forward(const Params& p, const Descriptors& d) {
    const auto pd = forward_descriptor(engine_, p, d, d.x);
    primitive_ = dnnl::convolution_forward(pd);
    adopt(pd.src_desc(), pd.dst_desc(), pd.weights_desc(), pd.scratchpad_desc(), d);
    bias_memory_ = empty(pd.bias_desc());
    zero_bias_.assign(static_cast<std::size_t>(p.out_channels), 0.0f);
  }

  void make_backward_data(const Params& p, const Descriptors& d) {
    Params plain = p;
    plain.accumulate = false;
    // A gradient of few channels (the image's) is left in whatever format the library prefers.
    const bool free_format = source_block_ == 1;
    const memory::desc dx = free_format ? describe(d.x.dims(), Tag::any) : d.x;
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const auto make = [&](const memory::desc& source) {
      const auto hint = forward_descriptor(engine_, plain, d, source);
      return dnnl::convolution_backward_data::primitive_desc(
          {dnnl::algorithm::convolution_direct, source, d.weights_any, d.y, d.strides, d.padding, d.padding},
          attributes, engine_, hint);
    };
    auto pd = make(dx);
    if (free_format && pd.diff_src_desc() == describe(d.x.dims(), Tag::nChw16c))
      source_block_ = 16;
    else if (free_format && pd.diff_src_desc() == describe(d.x.dims(), Tag::nChw8c))
      source_block_ = 8;
    else if (free_format && pd.diff_src_desc() != d.x)
      pd = make(d.x);
    primitive_ = dnnl::convolution_backward_data(pd);
    adopt(pd.diff_src_desc(), pd.diff_dst_desc(), pd.weights_desc(), pd.scratchpad_desc(), d);
  }

  void make_backward_weights(const Params& p, const Descriptors& d, int block) {
    Params plain = p;
    plain.accumulate = false;
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const auto make = [&](const memory::desc& source) {
      const auto hint = forward_descriptor(engine_, plain, d, source);
      using Backward = dnnl::convolution_backward_weights;
      constexpr auto kDirect = dnnl::algorithm::convolution_direct;
      return Backward::primitive_desc(
          p.bias_gradient
              ? Backward::desc{kDirect, source, d.weights_any, d.bias, d.y, d.strides, d.padding, d.padding}
              : Backward::desc{kDirect, source, d.weights_any, d.y, d.strides, d.padding, d.padding},
          attributes, engine_, hint);
    };
    auto pd = make(d.x);
    // An image of one channel in the plain layout ends in the library's reference loop, a hundred times
    // slower than its vector code on channels padded to the block.
    if (source_block_ == 1 && block > 1 && std::string_view(pd.impl_info_str()).starts_with("ref")) {
      source_block_ = block;
      pd = make(describe(d.x.dims(), tag_of_block(block)));
    }
    primitive_ = dnnl::convolution_backward_weights(pd);
    adopt(pd.src_desc(), pd.diff_dst_desc(), pd.diff_weights_desc(), pd.scratchpad_desc(), d);
    bias_gradient_ = p.bias_gradient;
    if (bias_gradient_) bias_memory_ = empty(pd.diff_bias_desc());
    staged_weight_bytes_ = weights_.get_size();
    to_plain_ = dnnl::reorder(memory(weights_, engine_, nullptr), memory(plain_weights_, engine_, nullptr));
    dnnl::post_ops sum;
    sum.append_sum(1.0f);
    dnnl::primitive_attr accumulate;
    accumulate.set_post_ops(sum);
    add_to_plain_ = dnnl::reorder(memory(weights_, engine_, nullptr),
                                  memory(plain_weights_, engine_, nullptr), accumulate);
  }

  void adopt(const memory::desc& x, const memory::desc& y, const memory::desc& weights,
             const memory::desc& scratch, const Descriptors& d) {
    x_memory_ = empty(x);
    y_memory_ = empty(y);
    weights_ = weights;
    plain_weights_ = d.weights_plain;
    plain_memory_ = empty(plain_weights_);
    weight_memory_ = empty(weights);
    scratch_memory_ = empty(scratch);
    scratch_bytes_ = scratch.get_size();
    to_private_ = dnnl::reorder(memory(plain_weights_, engine_, nullptr), memory(weights_, engine_, nullptr));
  }

  // dnnl::reorder::execute() makes a map and a vector each time.
  dnnl_status_t reorder(const dnnl::reorder& primitive, const memory& from, const memory& to) const {
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from.get()}, {DNNL_ARG_TO, to.get()}};
    return dnnl_primitive_execute(primitive.get(), stream_.get(), 2, arguments);
  }
  memory empty(const memory::desc& desc) const { return memory(desc, engine_, nullptr); }
  std::size_t staged_bias_bytes() const {
    return bias_gradient_ ? static_cast<std::size_t>(out_channels_) * sizeof(float) : 0;
  }

  dnnl_status_t execute_data(const Buffers& b) const {
    const bool forward = direction_ == Direction::forward;
    x_memory_.set_data_handle(forward ? const_cast<void*>(b.x) : b.dx, stream_);
    y_memory_.set_data_handle(forward ? b.y : const_cast<void*>(b.dy), stream_);
    weight_memory_.set_data_handle(const_cast<void*>(b.weights), stream_);
    scratch_memory_.set_data_handle(b.workspace, stream_);
    if (!forward) {
      const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_DIFF_SRC, x_memory_.get()},
                                           {DNNL_ARG_WEIGHTS, weight_memory_.get()},
                                           {DNNL_ARG_DIFF_DST, y_memory_.get()},
                                           {DNNL_ARG_SCRATCHPAD, scratch_memory_.get()}};
      return dnnl_primitive_execute(primitive_.get(), stream_.get(), 4, arguments);
    }
    const void* bias = b.bias != nullptr ? b.bias : zero_bias_.data();
    bias_memory_.set_data_handle(const_cast<void*>(bias), stream_);
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, x_memory_.get()},
                                         {DNNL_ARG_WEIGHTS, weight_memory_.get()},
                                         {DNNL_ARG_BIAS, bias_memory_.get()},
                                         {DNNL_ARG_DST, y_memory_.get()},
                                         {DNNL_ARG_SCRATCHPAD, scratch_memory_.get()}};
    return dnnl_primitive_execute(primitive_.get(), stream_.get(), 5, arguments);
  }

  dnnl_status_t execute_weights(const Buffers& b) const {
    if (b.dbias != nullptr && !bias_gradient_) return dnnl_invalid_arguments;
    auto* workspace = static_cast<std::byte*>(b.workspace);
    auto* staged = workspace + align(scratch_bytes_);
    auto* staged_bias = reinterpret_cast<float*>(staged + align(staged_weight_bytes_));
    x_memory_.set_data_handle(const_cast<void*>(b.x), stream_);
    y_memory_.set_data_handle(const_cast<void*>(b.dy), stream_);
    weight_memory_.set_data_handle(staged, stream_);
    if (bias_gradient_) bias_memory_.set_data_handle(staged_bias, stream_);
    scratch_memory_.set_data_handle(workspace, stream_);
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, x_memory_.get()},
                                         {DNNL_ARG_DIFF_DST, y_memory_.get()},
                                         {DNNL_ARG_DIFF_WEIGHTS, weight_memory_.get()},
                                         {DNNL_ARG_SCRATCHPAD, scratch_memory_.get()},
                                         {DNNL_ARG_DIFF_BIAS, bias_memory_.get(true)}};
    const int count = bias_gradient_ ? 5 : 4;
    const dnnl_status_t status = dnnl_primitive_execute(primitive_.get(), stream_.get(), count, arguments);
    if (status != dnnl_success) return status;
    if (b.dw != nullptr) {
      plain_memory_.set_data_handle(b.dw, stream_);
      const dnnl_status_t written =
          reorder(b.accumulate_weights ? add_to_plain_ : to_plain_, weight_memory_, plain_memory_);
      if (written != dnnl_success) return written;
    }
    if (b.dbias != nullptr) {
      auto* dbias = static_cast<float*>(b.dbias);
      for (std::int64_t o = 0; o < out_channels_; ++o)
        dbias[o] = staged_bias[o] + (b.accumulate_bias ? dbias[o] : 0.0f);
    }
    return dnnl_success;
  }

  dnnl::engine engine_;
  mutable dnnl::stream stream_;
  Direction direction_;
  bool bias_gradient_ = false;
  int source_block_, destination_block_;
  std::int64_t out_channels_;
  dnnl::primitive primitive_;
  memory::desc weights_, plain_weights_;
  // Handles are set per call.
  mutable memory x_memory_, y_memory_, weight_memory_, plain_memory_, bias_memory_, scratch_memory_;
  dnnl::reorder to_private_, to_plain_, add_to_plain_;
  std::size_t scratch_bytes_ = 0, staged_weight_bytes_ = 0;
  std::vector<float> zero_bias_;
};

}  // namespace

PlanResult make_onednn_plan(const CpuExec&, const Params& params, Direction direction, int block) {
  try {
    return {std::make_unique<OneDnnPlan>(params, direction, block), {}};
  } catch (const dnnl::error& e) {
    return {nullptr, std::string("oneDNN: ") + e.what()};
  }
}

int preferred_channel_block() {
  const auto isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  const auto has = [isa](dnnl::cpu_isa wanted) {
    const auto bits = static_cast<unsigned>(wanted);
    return (isa & bits) == bits;
  };
  return has(dnnl::cpu_isa::avx512_core) ? 16 : has(dnnl::cpu_isa::sse41) ? 8 : 1;
}

}  // namespace mebm::kernels::conv2d

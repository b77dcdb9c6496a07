#pragma once
// A trained network as a list of steps on feature maps, forward only, fp32, on the CPU. Every thread takes
// one image after the other through all steps in a workspace of its own, so results depend neither on the
// number of threads nor on the batch.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/device/context.h"
#include "kernels/inference/inference.h"

namespace mebm::engine::ops {

using kernels::inference::MapShape;
using kernels::inference::output_shape;
using InferenceConvolution = kernels::inference::Convolution;
using InferencePool = kernels::inference::Pool;
using InferencePoolKind = kernels::inference::PoolKind;

class InferenceProgram {
 public:
  using Map = int;  // number of a feature map; the input image is number 0

  // Error on a device context: there are no kernels for it.
  InferenceProgram(Context& context, const MapShape& image);

  Map input() const { return 0; }
  MapShape shape(Map map) const { return maps_[static_cast<std::size_t>(map)]; }
  // A map that later steps write, whole or in slices of channels.
  Map add_map(const MapShape& shape);

  // Channels first_channel ... of `out` = relu(conv(in) + bias), or the pooled `in`. weights [O,I,kh,kw] and
  // bias [O] are copied. Error where shapes do not fit, or a slice does not start at the layout's block.
  void convolution(Map in, const InferenceConvolution& convolution, std::span<const float> weights,
                   std::span<const float> bias, Map out, std::int64_t first_channel = 0);
  void pool(Map in, const InferencePool& pool, Map out, std::int64_t first_channel = 0);

  // images [N,C,H,W] plain fp32 -> the map the last step wrote [N,C,H,W], in the context's feature layout.
  Tensor run(const Tensor& images);

  // Floats of one thread's workspace: maps share memory where their lifetimes allow.
  std::int64_t workspace_floats();

 private:
  struct Call {
    std::unique_ptr<kernels::inference::Step> step;
    Map in, out;
    std::int64_t out_offset;  // floats from the start of `out`
  };

  void add(kernels::inference::StepResult made, const MapShape& result, Map in, Map out,
           std::int64_t first_channel);
  void plan_memory();
  std::string run_image(const float* image, float* result, float* workspace) const;

  Context& context_;
  int block_;
  std::vector<MapShape> maps_;
  std::vector<Call> calls_;
  std::vector<std::int64_t> offsets_;  // of every map in the workspace, in floats; empty: not planned yet
  std::int64_t maps_end_ = 0;          // where the steps' scratch memory starts
  std::int64_t scratch_floats_ = 0;
  Tensor workspace_;  // [threads, workspace_floats()]
};

}  // namespace mebm::engine::ops

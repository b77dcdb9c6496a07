#pragma once
// Layers of a trained network, forward only, fp32, one image at a time: a step is made once per shape, holds
// its weights in a private format, and runs on raw pointers.
//
//   convolution  y[o,p,q] = max(0, bias[o] + sum_{i,r,s} w[o,i,r,s] x[i, p t + r - dh, q t + s - dw])
//   max pool     y[c,p,q] = max of x[c, p t + r - d, q t + s - d] over r, s inside the map
//   mean pool    the same with the mean of the values inside the map (padding is not counted)
// (t = stride; dh, dw, d = padding.)
//
// One image's channels are contiguous blocks in memory ([C/block][H][W][block], kernels/core/exec.h), so a
// step may read or write a slice of a wider map: the slice's first channel must be a multiple of the block.
// Steps are run by one thread each and shared by many: results depend on no number of threads and no batch.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace mebm::kernels::inference {

struct MapShape {
  std::int64_t channels = 0, height = 0, width = 0;
  std::int64_t pixels() const { return height * width; }
  bool operator==(const MapShape&) const = default;
};

struct Convolution {
  std::int64_t out_channels = 0, kernel_height = 1, kernel_width = 1;
  std::int64_t stride = 1, padding_height = 0, padding_width = 0;
};

enum class PoolKind { max, mean };

struct Pool {
  PoolKind kind = PoolKind::max;
  std::int64_t kernel = 3, stride = 1, padding = 0;
};

MapShape output_shape(const MapShape& input, const Convolution& convolution);
MapShape output_shape(const MapShape& input, const Pool& pool);

// The channel block of a map with that many channels: `block` where it divides them, else 1 (plain).
inline int block_of(std::int64_t channels, int block) {
  return channels % block == 0 ? block : 1;
}

class Step {
 public:
  virtual ~Step() = default;
  virtual std::size_t scratch_bytes() const = 0;
  // x and y in the layouts of block_of(); 64-byte aligned scratch of scratch_bytes(). Callable from several
  // threads at once. An empty string, or what the library said.
  virtual std::string run(const float* x, float* y, void* scratch) const = 0;
};

struct StepResult {
  std::unique_ptr<Step> step;  // null when the library has none
  std::string error;
};

// weights plain [O,I,kh,kw], bias [O]; both are copied.
StepResult make_convolution(const MapShape& input, const Convolution& convolution, int block,
                            const float* weights, const float* bias);
StepResult make_pool(const MapShape& input, const Pool& pool, int block);

}  // namespace mebm::kernels::inference

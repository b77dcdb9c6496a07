#pragma once
// The first convolution of a network on a device: 3 x 3, stride 1, padding 1, from a plain image of few
// channels to channels-last features. Vendor libraries pad so few channels to eight; this does not.
//
//   forward           y[n,p,q,o] = bias[o] + sum_{i,r,s} w[o,r,s,i] x[n,i,p+r-1,q+s-1]
//   backward_data     dx[n,i,p,q] = sum_{o,r,s} w[o,r,s,i] dy[n,p-r+1,q-s+1,o]
//   backward_weights  dw[o,r,s,i] (+)= sum_{n,p,q} dy[n,p,q,o] x[n,i,p+r-1,q+s-1], dbias[o] (+)= sum dy
//
// x, dx: [images][in_channels][height][width] in the type arithmetic on T is done in (chain states are never
// narrower); w, bias and their gradients in that type too; y, dy: channels-last T. in_channels 1 ... 4,
// out_channels a multiple of 8, at most 64.

#include <cstddef>
#include <cstdint>

#include "kernels/core/bfloat16.h"
#include "kernels/core/device_exec.h"
#include "kernels/langevin_step/langevin_step.h"

namespace mebm::kernels::stem_conv2d::device {

struct Params {
  std::int64_t images = 0, in_channels = 0, height = 0, width = 0, out_channels = 0;
};

// Null bias: none.
template <typename T>
Status forward(const DeviceExec& exec, const Params& params, const Arithmetic<T>* x, const Arithmetic<T>* w,
               const Arithmetic<T>* bias, T* y);

template <typename T>
Status backward_data(const DeviceExec& exec, const Params& params, const T* dy, const Arithmetic<T>* w,
                     Arithmetic<T>* dx, bool accumulate);

// backward_data and the Langevin update in one pass: the gradient of x is never written.
//   x <- update(x, dx) as kernels/langevin_step does; energy gradient = dx.
template <typename T>
Status backward_data_langevin(const DeviceExec& exec, const Params& params,
                              const langevin_step::Params& langevin, const T* dy, const Arithmetic<T>* w,
                              Arithmetic<T>* x);

// Partial sums per block, combined in a fixed order by a second kernel, in fp64 (exec.counters is not used).
// Null dbias: none. Without images the sums are 0. scratch: backward_weights_scratch_bytes().
std::size_t backward_weights_scratch_bytes(const DeviceExec& exec, const Params& params);
template <typename T>
Status backward_weights(const DeviceExec& exec, const Params& params, const Arithmetic<T>* x, const T* dy,
                        Arithmetic<T>* dw, Arithmetic<T>* dbias, bool accumulate_weights,
                        bool accumulate_bias, void* scratch);

}  // namespace mebm::kernels::stem_conv2d::device

#pragma once
// What the machine reaches at best, measured, and what a single op reaches of it.

#include <optional>
#include <string>

#include "engine/device/context.h"

namespace mebm::measure {

// What the processor reaches at best; absent where it was not measured.
struct Ceilings {
  std::optional<double> copy;                             // GB/s
  std::optional<double> fp32_gemm, tf32_gemm, bf16_gemm;  // TFLOP/s
};

// GB/s of a copy of 256 MiB, read and written.
double copy_ceiling(engine::Context& context);
// TFLOP/s of a 1x1 convolution over many pixels, which is one large matrix product in the context's type.
double gemm_ceiling(engine::Context& context);

struct Rate {
  double value = 0;  // TFLOP/s where the op is bound by arithmetic, else GB/s
  std::string unit;
  std::optional<double> share;  // of the ceiling for it
};

// Of an op that takes `seconds` for so many operations or, where `flops` is 0, bytes; none where both are 0.
std::optional<Rate> rate_of(double flops, double bytes, double seconds, const std::optional<double>& gemm,
                            const std::optional<double>& copy);

}  // namespace mebm::measure

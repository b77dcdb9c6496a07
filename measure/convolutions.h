#pragma once
// The convolutions of a piece of work: which ones it asks for, how often, and how long they take alone.

#include <cstdint>
#include <functional>
#include <vector>

#include "engine/device/context.h"

namespace mebm::measure {

struct ConvolutionUse {
  engine::ConvolutionCall call;
  std::int64_t count = 0;
  double seconds = 0;  // of one alone, once measured

  // Multiply-adds of one of them; each direction of a convolution has as many.
  double multiply_adds() const;
};

// Runs `work` and returns what it asked for, in the order of first use. Work that launches a captured graph
// asks for nothing.
std::vector<ConvolutionUse> convolutions_of(engine::Context& context, const std::function<void()>& work);

// Multiply-adds of all of them together.
double total_multiply_adds(const std::vector<ConvolutionUse>& uses);

// Seconds of one such convolution alone, at its best: made plans, prepared weights, data of its own, nothing
// beside it. Without bias, adding nothing but the residual a forward one was asked with. Calls it for about
// `effort` seconds, twice at least.
double seconds_alone(engine::Context& context, const engine::ConvolutionCall& call, double effort);

// Fills in `seconds` of each.
void measure_alone(engine::Context& context, std::vector<ConvolutionUse>& uses, double effort);

// The floor of the work: every convolution alone, times how often it is asked for.
double floor_seconds(const std::vector<ConvolutionUse>& uses);

}  // namespace mebm::measure

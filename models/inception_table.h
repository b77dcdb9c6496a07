#pragma once
// InceptionV3 as a table: blocks of branches of steps.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/ops/inference.h"

namespace mebm::models::inception {

enum class Kind { convolution, max_pool, mean_pool };

// A pool keeps the channels and has no name. A convolution is named within its block.
struct Step {
  Kind kind = Kind::convolution;
  std::string_view name;
  engine::ops::InferenceConvolution convolution;
  engine::ops::InferencePool pool;
  // Reads what the step before it read; both results go into the block's output.
  bool beside_previous = false;
};

using Branch = std::vector<Step>;

// Every branch reads the block's input; the results are concatenated in this order.
struct Block {
  std::string name;  // empty for the stem, whose convolutions have names of their own
  std::vector<Branch> branches;
};

// In order, from the image to the last map.
std::vector<Block> blocks();

// Whether what branch[step] computes is part of the block's output.
bool ends(const Branch& branch, std::size_t step);

}  // namespace mebm::models::inception

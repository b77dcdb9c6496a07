#pragma once
// The engine's counter-based random numbers for the rooms above kernels/ (same source on host and device).

#include "kernels/core/philox.h"

namespace mebm::engine {

using kernels::index_from_word;
using kernels::philox4x32_10;
using kernels::PhiloxKey;
using kernels::PhiloxWords;
using kernels::random_uniform;
using kernels::random_words;
using kernels::RandomPurpose;
using kernels::uniform_from_word;

}  // namespace mebm::engine

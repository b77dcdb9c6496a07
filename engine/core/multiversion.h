#pragma once
// MEBM_MULTIVERSION and MEBM_INLINE for vectorised loops in the rooms above kernels/.

#include "kernels/compat/multiversion.h"

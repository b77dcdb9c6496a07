#pragma once
// What the emulated runtime offers beyond kernels/compat/runtime.h: work that is no kernel, a proof of order
// for captured graphs, and knobs.
//
// Device memory is out of the host's reach (PROT_NONE) except while work of a stream runs, and starts as 0xFF
// bytes: host code that dereferences a device address stops at once. Outside a capture, work runs when it is
// enqueued. A captured graph runs in any order its edges allow; options().reversed chooses the other extreme.

#include <functional>
#include <string>

#include "kernels/compat/runtime.h"
#include "kernels/emulator/fiber_block.h"

namespace mebm::kernels::emulator {

// Library work (convolutions, matrix products) answered by host mathematics.
Status enqueue(runtime::Stream* stream, const char* name, const runtime::Accesses& accesses,
               std::function<Status()> work);

// Empty, or the names of two nodes that touch the same memory, one of them writing, without an order.
std::string unordered_conflict(const runtime::Graph* graph);

// The properties later device_properties() calls report; an odd number finds mistakes in grid sizes.
void set_multiprocessors(int count);

}  // namespace mebm::kernels::emulator

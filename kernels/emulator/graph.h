#pragma once
// The emulated runtime's captured graph.

#include <functional>
#include <string>
#include <vector>

#include "kernels/compat/runtime.h"

namespace mebm::kernels::emulator {

struct GraphNode {
  std::string name;
  runtime::Accesses accesses;
  std::function<Status()> work;
  std::vector<int> dependencies;  // earlier nodes
};

// Runs all nodes, always taking the first (reversed: the last) node whose dependencies are done.
Status run_nodes(const std::vector<GraphNode>& nodes, bool reversed);

std::string unordered_conflict(const std::vector<GraphNode>& nodes);

}  // namespace mebm::kernels::emulator

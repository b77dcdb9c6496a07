#include "kernels/emulator/graph.h"

#include <algorithm>
#include <cstddef>

namespace mebm::kernels::emulator {
namespace {

using runtime::Accesses;
using runtime::MemoryRange;

bool overlap(const MemoryRange& a, const MemoryRange& b) {
  const auto* a_begin = static_cast<const std::byte*>(a.begin);
  const auto* b_begin = static_cast<const std::byte*>(b.begin);
  return a_begin < b_begin + b.bytes && b_begin < a_begin + a.bytes;
}

bool any_overlap(const std::vector<MemoryRange>& a, const std::vector<MemoryRange>& b) {
  for (const MemoryRange& range : a)
    for (const MemoryRange& other : b)
      if (overlap(range, other)) return true;
  return false;
}

bool conflict(const Accesses& a, const Accesses& b) {
  return any_overlap(a.writes, b.writes) || any_overlap(a.writes, b.reads) || any_overlap(a.reads, b.writes);
}

}  // namespace

std::string unordered_conflict(const std::vector<GraphNode>& nodes) {
  const std::size_t n = nodes.size();
  std::vector<std::vector<bool>> before(n, std::vector<bool>(n, false));  // before[i][j]: j precedes i
  for (std::size_t i = 0; i < n; ++i)
    for (int dependency : nodes[i].dependencies) {
      const auto d = static_cast<std::size_t>(dependency);
      before[i][d] = true;
      for (std::size_t j = 0; j < d; ++j)
        if (before[d][j]) before[i][j] = true;
    }
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (!before[i][j] && conflict(nodes[i].accesses, nodes[j].accesses))
        return "nodes " + std::to_string(j) + " (" + nodes[j].name + ") and " + std::to_string(i) + " (" +
               nodes[i].name + ") touch the same memory, one of them writes, and nothing orders them";
  return {};
}

Status run_nodes(const std::vector<GraphNode>& nodes, bool reversed) {
  std::vector<bool> done(nodes.size(), false);
  const auto ready = [&](std::size_t i) {
    return !done[i] && std::all_of(nodes[i].dependencies.begin(), nodes[i].dependencies.end(),
                                   [&](int d) { return done[static_cast<std::size_t>(d)]; });
  };
  for (std::size_t step = 0; step < nodes.size(); ++step) {
    std::size_t next = nodes.size();
    for (std::size_t k = 0; k < nodes.size() && next == nodes.size(); ++k) {
      const std::size_t i = reversed ? nodes.size() - 1 - k : k;
      if (ready(i)) next = i;
    }
    if (Status status = nodes[next].work(); !status.ok()) return status;
    done[next] = true;
  }
  return {};
}

}  // namespace mebm::kernels::emulator

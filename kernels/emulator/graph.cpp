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

bool any_overlap(const MemoryRange* a, int a_count, const MemoryRange* b, int b_count) {
  for (int i = 0; i < a_count; ++i)
    for (int j = 0; j < b_count; ++j)
      if (overlap(a[i], b[j])) return true;
  return false;
}

bool conflict(const Accesses& a, const Accesses& b) {
  return any_overlap(a.writes, a.write_count, b.writes, b.write_count) ||
         any_overlap(a.writes, a.write_count, b.reads, b.read_count) ||
         any_overlap(a.reads, a.read_count, b.writes, b.write_count);
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

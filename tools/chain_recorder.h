#pragma once
// What is kept of chains on their way: how they looked after some steps, and their energies.

#include <cstdint>
#include <limits>
#include <map>
#include <vector>

#include "ebm/chain_batches.h"
#include "report/grid.h"

namespace mebm::tools {

// Step numbers count steps done: 0 is the start.

// 0, every, 2 every, ... and the last.
std::vector<int> every_nth_step(int steps, int every);
// `count` of 0 ... steps, evenly spaced, both ends among them; every one where there are fewer.
std::vector<int> spread_steps(int steps, int count);

// The first `count` chains after each of some steps.
class ChainFilm {
 public:
  ChainFilm(const std::vector<int>& steps, std::int64_t count, const ebm::ImageShape& shape);

  std::int64_t count() const { return count_; }
  const std::map<int, std::vector<float>>& frames() const { return frames_; }  // [count,C,H,W] by step
  void record(int step, const ebm::ChainPart& part);

 private:
  std::int64_t count_;
  std::size_t size_;  // numbers per image
  std::map<int, std::vector<float>> frames_;
};

struct EnergySummary {
  std::int64_t chains = 0;
  double sum = 0, least = std::numeric_limits<double>::infinity(),
         most = -std::numeric_limits<double>::infinity();
  double mean() const { return sum / static_cast<double>(chains); }
};

// Energies of all chains after each of some steps; those of a batch as its sampler saw them.
class EnergyRecord {
 public:
  explicit EnergyRecord(const std::vector<int>& steps);

  const std::map<int, EnergySummary>& summaries() const { return summaries_; }  // by step
  bool wants(int step) const { return summaries_.contains(step); }
  // energies [rows] of the part's chains.
  void record(int step, const ebm::ChainPart& part, const engine::Tensor& energies);

 private:
  std::map<int, EnergySummary> summaries_;
};

}  // namespace mebm::tools

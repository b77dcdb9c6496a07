#include "tools/chain_recorder.h"

#include <algorithm>
#include <cmath>

#include "engine/ops/elementwise.h"

namespace mebm::tools {

std::vector<int> every_nth_step(int steps, int every) {
  std::vector<int> found;
  for (std::int64_t step = 0; step < steps; step += every) found.push_back(static_cast<int>(step));
  found.push_back(steps);
  return found;
}

std::vector<int> spread_steps(int steps, int count) {
  std::vector<int> found;
  const int last = std::min(count - 1, steps);
  for (int i = 0; i < last; ++i)
    found.push_back(static_cast<int>(std::lround(static_cast<double>(steps) * i / last)));
  found.push_back(steps);
  return found;
}

ChainFilm::ChainFilm(const std::vector<int>& steps, std::int64_t count, const ebm::ImageShape& shape)
    : count_(count), size_(static_cast<std::size_t>(shape.elements())) {
  for (const int step : steps) frames_[step].resize(static_cast<std::size_t>(count) * size_);
}

void ChainFilm::record(int step, const ebm::ChainPart& part) {
  const auto frame = frames_.find(step);
  const std::int64_t rows = std::min(part.kept, count_ - part.first);
  if (frame == frames_.end() || rows <= 0) return;
  std::vector<double> values(static_cast<std::size_t>(rows) * size_);
  engine::ops::read(part.chains.rows(0, rows), values);
  std::transform(
      values.begin(), values.end(),
      frame->second.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(part.first) * size_),
      [](double v) { return static_cast<float>(v); });
}

EnergyRecord::EnergyRecord(const std::vector<int>& steps) {
  for (const int step : steps) summaries_[step];
}

void EnergyRecord::record(int step, const ebm::ChainPart& part, const engine::Tensor& energies) {
  const auto found = summaries_.find(step);
  if (found == summaries_.end()) return;
  const std::vector<double> values = engine::ops::host_values(energies);
  EnergySummary& summary = found->second;
  summary.chains += part.kept;
  for (std::size_t i = 0; i < static_cast<std::size_t>(part.kept); ++i) {
    summary.sum += values[i];
    summary.least = std::min(summary.least, values[i]);
    summary.most = std::max(summary.most, values[i]);
  }
}

}  // namespace mebm::tools

#include "measure/comparison.h"

#include <algorithm>
#include <memory>

#include "measure/peer.h"
#include "measure/timing.h"

namespace mebm::measure {

double Times::median() const {
  return measure::median(seconds);
}

double Times::minimum() const {
  return *std::min_element(seconds.begin(), seconds.end());
}

double PeerFigures::ratio_of_pairs(const Times& ours) const {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < times.seconds.size(); ++i) ratios.push_back(times.seconds[i] / ours.seconds[i]);
  return measure::median(ratios);
}

StepFigures measure_step(const StepOptions& options, const Extent& extent,
                         const std::vector<PeerCommand>& commands) {
  engine::require(extent.iterations >= 1, "at least one iteration is needed, got {}", extent.iterations);
  std::vector<std::unique_ptr<Peer>> peers;
  for (const PeerCommand& command : commands)
    peers.push_back(std::make_unique<Peer>(command.name, command.words, command.environment));
  TrainingStep step(options);
  StepFigures figures;
  figures.peers.resize(peers.size());
  if (extent.warmup > 0) {
    step.run(extent.warmup);
    for (const auto& peer : peers) peer->run(extent.warmup);
  }
  const int together = std::min(step.iterations_together(), extent.iterations);
  figures.iterations_together = together;
  double spent = 0;
  for (int done = 0; done < extent.iterations && spent < extent.seconds; done += together) {
    const auto take = [&](Times& times, double seconds) {
      times.seconds.push_back(seconds);
      spent += seconds * together;
    };
    take(figures.times, step.run(together));
    for (std::size_t i = 0; i < peers.size(); ++i) take(figures.peers[i].times, peers[i]->run(together));
  }
  figures.peak_bytes = step.peak_bytes();
  for (std::size_t i = 0; i < peers.size(); ++i) figures.peers[i].report = peers[i]->finish();
  figures.convolutions = step.convolutions();
  // As long as an iteration, within reason: the shortest are measured well enough in milliseconds.
  constexpr double kShortest = 0.005, kLongest = 0.1;
  measure_alone(step.context(), figures.convolutions,
                std::clamp(figures.times.median(), kShortest, kLongest));
  return figures;
}

}  // namespace mebm::measure

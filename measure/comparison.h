#pragma once
// Iterations of the engine, and of peers in turn with them, so that whatever slows the machine slows all.

#include <limits>
#include <string>
#include <vector>

#include "measure/convolutions.h"
#include "measure/step.h"

namespace mebm::measure {

struct PeerCommand {
  std::string name;                      // in messages: "--compare pytorch (tuned)"
  std::vector<std::string> words;        // program and arguments (measure/peer.h)
  std::vector<std::string> environment;  // "NAME=value"
};

struct Extent {
  int iterations = 10, warmup = 2;
  double seconds = std::numeric_limits<double>::infinity();  // start no further iteration after this long
};

// Seconds of an iteration, one entry for each block of iterations that was timed.
struct Times {
  std::vector<double> seconds;

  double median() const;
  double minimum() const;
};

struct PeerFigures {
  Times times;
  std::string report;  // the peer's own, a JSON object

  // How many times as long the peer takes: median over median, and the median of each pair's ratio, which a
  // machine that changes its speed during the run disturbs less.
  double ratio(const Times& ours) const { return times.median() / ours.median(); }
  double ratio_of_pairs(const Times& ours) const;
};

struct StepFigures {
  Times times;
  int iterations_together = 1;  // in a block
  std::uint64_t peak_bytes = 0;
  std::vector<ConvolutionUse> convolutions;  // of one iteration, measured alone
  std::vector<PeerFigures> peers;

  double floor() const { return floor_seconds(convolutions); }
  double share_of_floor() const { return floor() / times.median(); }
};

// Throws InputError where the network, the device or a peer cannot be had, Error where one fails later.
StepFigures measure_step(const StepOptions& options, const Extent& extent,
                         const std::vector<PeerCommand>& peers);

}  // namespace mebm::measure

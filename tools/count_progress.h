#pragma once
// How far a command over many images is: one line on stderr, redrawn on a terminal, now and then elsewhere.

#include <chrono>
#include <cstdint>
#include <string>

namespace mebm::tools {

class CountProgress {
 public:
  // `what` names the things counted: "chains", "images".
  CountProgress(std::string what, std::int64_t total);
  CountProgress(const CountProgress&) = delete;
  CountProgress& operator=(const CountProgress&) = delete;
  // Clears the line of a terminal.
  ~CountProgress();

  void update(std::int64_t done);

 private:
  using Clock = std::chrono::steady_clock;

  std::string what_;
  std::int64_t total_;
  bool terminal_, line_open_ = false;
  Clock::time_point began_ = Clock::now(), shown_ = Clock::now();
};

}  // namespace mebm::tools

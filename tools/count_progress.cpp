#include "tools/count_progress.h"

#include <unistd.h>

#include <cstdio>
#include <utility>

#include <fmt/format.h>

#include "report/progress.h"

namespace mebm::tools {
namespace {

constexpr double kRedrawSeconds = 0.2, kPlainSeconds = 10;
constexpr const char* kClearLine = "\r\033[K";

double seconds_between(std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

CountProgress::CountProgress(std::string what, std::int64_t total)
    : what_(std::move(what)), total_(total), terminal_(isatty(STDERR_FILENO) == 1) {}

CountProgress::~CountProgress() {
  if (line_open_) std::fputs(kClearLine, stderr);
}

void CountProgress::update(std::int64_t done) {
  const Clock::time_point now = Clock::now();
  if (done >= total_ || seconds_between(shown_, now) < (terminal_ ? kRedrawSeconds : kPlainSeconds)) return;
  shown_ = now;
  const double taken = seconds_between(began_, now);
  const double left = taken * static_cast<double>(total_ - done) / static_cast<double>(done);
  const std::string line = fmt::format("{} of {} {}, {}, about {} left", done, total_, what_,
                                       report::format_duration(taken), report::format_duration(left));
  std::fputs(terminal_ ? (kClearLine + line).c_str() : (line + "\n").c_str(), stderr);
  std::fflush(stderr);
  line_open_ = terminal_;
}

}  // namespace mebm::tools

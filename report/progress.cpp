#include "report/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ostream>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace mebm::report {
namespace {

constexpr double kWindowSeconds = 30;
constexpr std::size_t kSmallestBar = 12;  // brackets included
constexpr std::size_t kLargestBar = 42;

// A part of the line; the largest rank is dropped first.
struct Field {
  std::string text;
  int rank;
};

std::string percent(const ProgressState& state) {
  return fmt::format("{}%", state.iteration * 100 / std::max<std::int64_t>(state.total, 1));
}

// 0.95, 12.3, 123, 1.2e+05: three significant digits.
std::string rate(double value) {
  return fmt::format("{:.3g}", value);
}

std::vector<Field> fields_of(const ProgressState& state) {
  std::vector<Field> fields = {{fmt::format("{}/{}", state.iteration, state.total), 0}, {percent(state), 4}};
  const auto add = [&](const std::optional<double>& value, const char* format, int rank) {
    if (value) fields.push_back({fmt::format(fmt::runtime(format), rate(*value)), rank});
  };
  add(state.iterations_per_second, "{} it/s", 2);
  add(state.langevin_steps_per_second, "{} steps/s", 6);
  if (state.seconds_left) fields.push_back({"ETA " + format_duration(*state.seconds_left), 1});
  add(state.energy_positive, "E+ {}", 3);
  add(state.energy_negative, "E- {}", 3);
  add(state.loss, "loss {}", 5);
  add(state.learning_rate, "lr {}", 7);
  return fields;
}

std::size_t length_of(const std::vector<Field>& fields) {
  std::size_t length = fields.size() - 1;
  for (const Field& field : fields) length += field.text.size();
  return length;
}

std::string bar(const ProgressState& state, std::size_t columns) {
  const std::size_t inside = columns - 2;
  const double share =
      state.total > 0 ? static_cast<double>(state.iteration) / static_cast<double>(state.total) : 0;
  const std::size_t filled =
      std::min(inside, static_cast<std::size_t>(std::max(0.0, share) * static_cast<double>(inside)));
  std::string text(filled, '=');
  if (filled < inside) text += '>';
  text.resize(inside, ' ');
  return "[" + text + "]";
}

std::string join(const std::vector<Field>& fields) {
  std::string line;
  for (const Field& field : fields) line += (line.empty() ? "" : " ") + field.text;
  return line;
}

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "?";
  if (seconds < 9.95) return fmt::format("{:.1f} s", seconds);
  if (seconds >= 1e14) return "?";
  const auto total = static_cast<std::int64_t>(std::llround(seconds));
  if (total < 60) return fmt::format("{} s", total);
  if (total < 3600) return fmt::format("{} min {} s", total / 60, total % 60);
  if (total < 86400) return fmt::format("{} h {} min", total / 3600, total % 3600 / 60);
  return fmt::format("{} d {} h", total / 86400, total % 86400 / 3600);
}

std::string format_bytes(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  // 1023.5 would be printed as 1024 of the smaller unit.
  while (value >= 1023.5 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return value < 9.95 ? fmt::format("{:.1f} {}", value, kUnits[unit])
                      : fmt::format("{:.0f} {}", value, kUnits[unit]);
}

std::string progress_line(const ProgressState& state, int width) {
  std::vector<Field> fields = fields_of(state);
  if (width <= 0) return join(fields);
  const std::size_t room = static_cast<std::size_t>(width) - 1;
  while (fields.size() > 1 && length_of(fields) > room) {
    const auto least = std::max_element(fields.begin(), fields.end(),
                                        [](const Field& a, const Field& b) { return a.rank < b.rank; });
    // Fields of one rank say something only together.
    const int rank = least->rank;
    std::erase_if(fields, [&](const Field& field) { return field.rank == rank; });
  }
  const std::size_t length = length_of(fields);
  const bool has_percent = fields.size() > 1 && fields[1].text == percent(state);
  if (length + 1 + kSmallestBar <= room) {
    const std::size_t columns = std::min(kLargestBar, room - length - 1);
    fields.insert(fields.begin() + (has_percent ? 2 : 1), {bar(state, columns), 0});
  }
  return join(fields).substr(0, room);
}

int terminal_width(int file_descriptor) {
  if (isatty(file_descriptor) == 0) return 0;
  winsize size{};
  if (ioctl(file_descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

Progress::Progress(std::ostream& out, std::int64_t total, ProgressOptions options, Clock clock)
    : out_(out), total_(total), options_(options), clock_(clock ? std::move(clock) : Clock(steady_seconds)) {
  state_.iteration = options_.first_iteration;
  state_.total = total_;
  window_start_ = clock_();
  window_iteration_ = options_.first_iteration;
}

Progress::~Progress() {
  try {
    if (line_open_) out_ << std::endl;
  } catch (...) {
    // A stream set to throw must not end the program while another error unwinds.
  }
}

void Progress::measure(ProgressState& state) {
  const double now = clock_();
  const double seconds = now - window_start_;
  const auto iterations = static_cast<double>(state.iteration - window_iteration_);
  if (seconds <= 0 || iterations <= 0) {
    state.iterations_per_second = earlier_rate_;
  } else {
    const double current = iterations / seconds;
    // A young window is mixed with the one before it, so that the figure does not jump.
    const double share = std::min(1.0, seconds / kWindowSeconds);
    state.iterations_per_second = earlier_rate_ ? share * current + (1 - share) * *earlier_rate_ : current;
    if (seconds >= kWindowSeconds) {
      earlier_rate_ = current;
      window_start_ = now;
      window_iteration_ = state.iteration;
    }
  }
  if (!state.iterations_per_second) return;
  const double per_second = *state.iterations_per_second;
  if (options_.langevin_steps > 0) state.langevin_steps_per_second = per_second * options_.langevin_steps;
  state.seconds_left = static_cast<double>(total_ - state.iteration) / per_second;
}

void Progress::update(ProgressState state) {
  state.total = total_;
  measure(state);
  state_ = state;
  const double now = clock_();
  const double pause = options_.terminal_width > 0 ? options_.redraw_seconds : options_.plain_seconds;
  const bool first = shown_iteration_ < 0;
  const bool last = state.iteration >= total_;
  if (!first && !last && now - shown_at_ < pause) return;
  shown_at_ = now;
  draw();
}

void Progress::draw() {
  shown_iteration_ = state_.iteration;
  if (options_.terminal_width > 0) {
    out_ << '\r' << progress_line(state_, options_.terminal_width) << "\x1b[K" << std::flush;
    line_open_ = true;
  } else {
    out_ << progress_line(state_, 0) << std::endl;
  }
}

void Progress::message(const std::string& text) {
  if (line_open_) out_ << "\r\x1b[K";
  out_ << text << '\n';
  if (line_open_) draw();
  out_ << std::flush;
}

void Progress::finish() {
  if (finished_) return;
  finished_ = true;
  if (shown_iteration_ >= 0 && shown_iteration_ != state_.iteration) draw();
  if (line_open_) out_ << std::endl;
  line_open_ = false;
}

}  // namespace mebm::report

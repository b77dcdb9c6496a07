#pragma once
// Progress of a run in one line: redrawn in place on a terminal, written now and then elsewhere.

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>

namespace mebm::report {

// "0.4 s", "42 s", "12 min 5 s", "3 h 20 min", "2 d 4 h"; "?" if negative or not finite.
std::string format_duration(double seconds);

// "512 B", "1.5 KiB", "124 MiB", "9.1 GiB": binary multiples, at least two digits, no more than four.
std::string format_bytes(std::uint64_t bytes);

// What one line shows. Absent values are left out of the line.
struct ProgressState {
  std::int64_t iteration = 0;  // finished iterations of the whole run
  std::int64_t total = 0;
  std::optional<double> iterations_per_second;
  std::optional<double> langevin_steps_per_second;  // each moves a whole batch of chains
  std::optional<double> seconds_left;
  std::optional<double> energy_positive;  // mean energy of the data images, E+
  std::optional<double> energy_negative;  // mean energy of the chains, E-
  std::optional<double> loss;
  std::optional<double> learning_rate;
};

// The line for a terminal of `width` columns, shorter than `width` (a full line would wrap): as many fields
// as fit, the least important dropped first, and a bar where at least ten columns are left. Without `width`
// (0) every field and no bar. Even the narrowest line keeps the iteration, cut off at the width.
//   340/1000 34% [=======>             ] 1.02 it/s 5.1 steps/s ETA 10 min 47 s E+ -0.12 E- 0.33 loss -0.45 lr
//   0.1
std::string progress_line(const ProgressState& state, int width);

// Columns of the terminal behind a file descriptor; 0 if it is not a terminal, 80 if it does not say.
int terminal_width(int file_descriptor);

struct ProgressOptions {
  int terminal_width = 0;            // 0: not a terminal, plain lines
  double redraw_seconds = 0.1;       // at least this long between two redraws on a terminal
  double plain_seconds = 30;         // and between two plain lines
  int langevin_steps = 0;            // Langevin steps of an iteration; 0 leaves their rate out
  std::int64_t first_iteration = 0;  // where this process started (a resumed run)
};

// Draws the progress of one process's iterations on a stream. Rates are those of the last minute or so.
class Progress {
 public:
  // Seconds from any fixed moment; the steady clock unless a test gives its own.
  using Clock = std::function<double()>;

  Progress(std::ostream& out, std::int64_t total, ProgressOptions options, Clock clock = {});
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  // Ends the line if finish() was not called; never throws.
  ~Progress();

  // After each iteration. `state` needs the iteration, energies, loss and learning rate; total, rates and the
  // time left are filled in here. The first and the last iteration always show.
  void update(ProgressState state);

  // Writes a line of text above the progress line.
  void message(const std::string& text);

  // Draws the last state once more and ends the line.
  void finish();

 private:
  void measure(ProgressState& state);
  void draw();

  std::ostream& out_;
  std::int64_t total_;
  ProgressOptions options_;
  Clock clock_;
  ProgressState state_;
  double shown_at_ = 0;
  double window_start_ = 0;  // moment and iteration from which the rate is measured
  std::int64_t window_iteration_ = 0;
  std::optional<double> earlier_rate_;  // rate of the window before
  std::int64_t shown_iteration_ = -1;
  bool line_open_ = false;
  bool finished_ = false;
};

}  // namespace mebm::report

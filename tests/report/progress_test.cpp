#include "report/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <sstream>

namespace mebm::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(FormatDuration, ChoosesItsUnits) {
  EXPECT_EQ(format_duration(0), "0.0 s");
  EXPECT_EQ(format_duration(0.44), "0.4 s");
  EXPECT_EQ(format_duration(9.96), "10 s");
  EXPECT_EQ(format_duration(59.4), "59 s");
  EXPECT_EQ(format_duration(59.6), "1 min 0 s");
  EXPECT_EQ(format_duration(725), "12 min 5 s");
  EXPECT_EQ(format_duration(3600), "1 h 0 min");
  EXPECT_EQ(format_duration(12059), "3 h 20 min");
  EXPECT_EQ(format_duration(187200), "2 d 4 h");
  EXPECT_EQ(format_duration(-1), "?");
  EXPECT_EQ(format_duration(std::numeric_limits<double>::infinity()), "?");
  EXPECT_EQ(format_duration(std::numeric_limits<double>::quiet_NaN()), "?");
  EXPECT_EQ(format_duration(1e300), "?");
}

TEST(FormatBytes, UsesBinaryMultiples) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1024), "1.0 KiB");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_bytes(130023424), "124 MiB");
  EXPECT_EQ(format_bytes(1024 * 1024 - 1), "1.0 MiB");
  EXPECT_EQ(format_bytes(9770000000ULL), "9.1 GiB");
  EXPECT_EQ(format_bytes(std::numeric_limits<std::uint64_t>::max()), "16 EiB");
}

ProgressState example() {
  ProgressState state;
  state.iteration = 340;
  state.total = 1000;
  state.iterations_per_second = 1.0234;
  state.langevin_steps_per_second = 5.117;
  state.seconds_left = 647;
  state.energy_positive = -0.1234;
  state.energy_negative = 0.331;
  state.loss = -0.4544;
  state.learning_rate = 0.1;
  return state;
}

TEST(ProgressLine, ShowsEverythingWithoutAWidth) {
  EXPECT_EQ(progress_line(example(), 0),
            "340/1000 34% 1.02 it/s 5.12 steps/s ETA 10 min 47 s E+ -0.123 E- 0.331 loss -0.454 lr 0.1");
}

TEST(ProgressLine, FillsTheRestWithABar) {
  const std::string line = progress_line(example(), 120);
  EXPECT_THAT(line, HasSubstr("340/1000 34% [=========>"));
  EXPECT_THAT(line, HasSubstr("] 1.02 it/s"));
  EXPECT_EQ(line.size(), 119u);
  const std::size_t open = line.find('['), close = line.find(']');
  const std::string inside = line.substr(open + 1, close - open - 1);
  EXPECT_EQ(static_cast<int>(inside.find('>')), static_cast<int>(0.34 * static_cast<double>(inside.size())));
}

TEST(ProgressLine, DropsTheLeastImportantFirstAndNeverWraps) {
  const std::string eighty = progress_line(example(), 80);
  EXPECT_THAT(eighty, Not(HasSubstr("lr")));
  EXPECT_THAT(eighty, HasSubstr("E+ -0.123 E- 0.331"));
  const std::string forty = progress_line(example(), 40);
  EXPECT_THAT(forty, HasSubstr("ETA 10 min 47 s"));
  EXPECT_THAT(forty, Not(HasSubstr("E+")));
  for (int width = 1; width < 200; ++width) {
    const std::string line = progress_line(example(), width);
    EXPECT_LT(line.size(), static_cast<std::size_t>(width));
    EXPECT_EQ(line.rfind(std::string("340/1000").substr(0, line.size()), 0), 0u) << line;
    EXPECT_EQ(line.find("E+") == std::string::npos, line.find("E-") == std::string::npos) << line;
  }
}

TEST(ProgressLine, LeavesOutWhatIsUnknown) {
  ProgressState state;
  state.total = 10;
  EXPECT_EQ(progress_line(state, 0), "0/10 0%");
  state.total = 0;
  EXPECT_EQ(progress_line(state, 0), "0/0 0%");
  state.iteration = 10;
  state.total = 10;
  EXPECT_THAT(progress_line(state, 60), HasSubstr("[========================================]"));
}

// A clock that tests move by hand.
struct FakeTime {
  double seconds = 100;
  Progress::Clock clock() {
    return [this] { return seconds; };
  }
};

ProgressState at(std::int64_t iteration) {
  ProgressState state;
  state.iteration = iteration;
  state.loss = 0.5;
  return state;
}

int count_of(const std::string& text, char character) {
  return static_cast<int>(std::count(text.begin(), text.end(), character));
}

int lines_of(const std::string& text) {
  return count_of(text, '\n');
}

TEST(ProgressPlain, WritesTheFirstTheLastAndOneEverySoOften) {
  std::ostringstream out;
  FakeTime time;
  ProgressOptions options;
  options.langevin_steps = 5;
  Progress progress(out, 100, options, time.clock());
  for (int i = 1; i <= 100; ++i) {
    time.seconds += 1;
    progress.update(at(i));
  }
  progress.finish();
  // 1, 31, 61, 91 and 100.
  EXPECT_EQ(lines_of(out.str()), 5) << out.str();
  EXPECT_THAT(out.str(), HasSubstr("31/100 31% 1 it/s 5 steps/s ETA 1 min 9 s loss 0.5\n"));
  EXPECT_THAT(out.str(), HasSubstr("100/100 100% 1 it/s"));
  EXPECT_EQ(out.str().find_first_of("\r\x1b"), std::string::npos);
}

TEST(ProgressTerminal, RedrawsOneLineInPlace) {
  std::ostringstream out;
  FakeTime time;
  ProgressOptions options;
  options.terminal_width = 80;
  Progress progress(out, 4, options, time.clock());
  for (int i = 1; i <= 4; ++i) {
    time.seconds += 0.06;
    progress.update(at(i));
  }
  EXPECT_EQ(lines_of(out.str()), 0);
  EXPECT_EQ(count_of(out.str(), '\r'), 3) << "iterations 1, 3 and 4";
  EXPECT_THAT(out.str(), HasSubstr("\r1/4 25% ["));
  EXPECT_THAT(out.str(), HasSubstr("\x1b[K"));
  progress.message("saved checkpoint");
  EXPECT_THAT(out.str(), HasSubstr("\r\x1b[Ksaved checkpoint\n\r4/4 100%"));
  progress.finish();
  progress.finish();
  EXPECT_EQ(lines_of(out.str()), 2);
}

TEST(ProgressTerminal, EndsItsLineWhenTheRunStopsEarly) {
  std::ostringstream out;
  FakeTime time;
  ProgressOptions options;
  options.terminal_width = 80;
  {
    Progress progress(out, 10, options, time.clock());
    time.seconds += 1;
    progress.update(at(1));
  }
  EXPECT_EQ(out.str().back(), '\n');
}

TEST(ProgressPlain, FinishShowsWhereAStoppedRunGot) {
  std::ostringstream out;
  FakeTime time;
  Progress progress(out, 100, {}, time.clock());
  for (int i = 1; i <= 5; ++i) {
    time.seconds += 1;
    progress.update(at(i));
  }
  progress.finish();
  EXPECT_EQ(lines_of(out.str()), 2);
  EXPECT_THAT(out.str(), HasSubstr("\n5/100 5%"));
}

TEST(ProgressRate, FollowsRecentSpeedAndCountsFromWhereItStarted) {
  std::ostringstream out;
  FakeTime time;
  ProgressOptions options;
  options.first_iteration = 500;
  options.plain_seconds = 0;
  Progress progress(out, 1000, options, time.clock());
  time.seconds += 2;
  progress.update(at(501));
  EXPECT_THAT(out.str(), HasSubstr("501/1000 50% 0.5 it/s"));
  for (int i = 502; i <= 700; ++i) {
    time.seconds += 0.5;
    progress.update(at(i));
  }
  const std::string text = out.str();
  EXPECT_THAT(text.substr(text.rfind("700/1000")), HasSubstr("700/1000 70% 2 it/s ETA 2 min 30 s"));
}

TEST(TerminalWidth, IsZeroWithoutATerminal) {
  EXPECT_EQ(terminal_width(-1), 0);
}

}  // namespace
}  // namespace mebm::report

#pragma once
// Tiny training runs of the program: their arguments, their files, and ways to end them early.

#include <sys/types.h>
#include <fstream>

#include <functional>
#include <map>
#include <set>

#include "tests/cli/cli_test_util.h"

namespace mebm::testing {

// A running mebm_engine; killed by the destructor if it still runs.
class Child {
 public:
  // Its output goes to `log`.
  Child(const std::vector<std::string>& arguments, const std::string& log);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  bool running();
  void signal(int number) const;
  // Waits for the end; status as in RunResult, both outputs in err.
  RunResult wait();

 private:
  void reap(int options);

  std::string log_;
  pid_t pid_ = 0;
  bool ended_ = false;
  int status_ = 0;
};

// M-JEM, K = 2, WRN-10-1 on 64 images of 3x8x8, batches of 4, a buffer of 64: 40 iterations of milliseconds.
class TrainTest : public CliTest {
 protected:
  TrainTest();

  using Words = std::vector<std::string>;
  // train --data <the images> --out `out`, one thread, `extra` at the end (a later --set wins).
  Words train(const std::string& out, const Words& extra = {}) const;
  Words train_on(const std::string& data, const std::string& out, const Words& extra = {}) const;
  Words resume(const std::string& out, const Words& extra = {}) const;
  static Words set(std::initializer_list<std::string> assignments);

  // Exit status 2; one line on stderr after the plan, which holds `message`; no directory `out`.
  void expect_refused(const Words& arguments, const std::string& message,
                      const std::string& out = "out") const;

  std::string checkpoint(const std::string& out, int iteration) const;
  // Iterations of the checkpoints of run `out`, ascending.
  std::vector<int> checkpoints(
      const std::string& out) const;  // sorted; without the one every run starts with
  std::vector<std::string> partial_files(const std::string& out) const;
  // The value of `key` in every line of metrics.jsonl, in order; null is NaN. Fails on a line that is no
  // JSON.
  std::vector<double> metrics(const std::string& out, const std::string& key) const;
  // Iterations of metrics.jsonl are 0, every, 2 every, ... and last, each once.
  void expect_logged(const std::string& out, int every, int last) const;

  std::string images_;  // path
};

std::string bytes_of(const std::string& path);
// The lines of `text` that do not belong to the plan or the progress.
std::string without_plan(const std::string& text);
// Polls `condition` until it holds; false after a minute.
bool eventually(const std::function<bool()>& condition);

}  // namespace mebm::testing

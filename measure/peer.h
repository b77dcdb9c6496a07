#pragma once
// Another program that trains the same network, as a child that works one block of iterations at a time.
//
// It gets `--interactive` after its arguments and speaks lines on stdin and stdout: first it prints a JSON
// object once it is set up ({"error": "..."} and an end where it cannot be), then for every line that holds a
// number N it carries out N iterations and prints the seconds of one; when its stdin ends it prints its
// report as a JSON object and ends. Between blocks it does nothing.

#include <sys/types.h>

#include <string>
#include <vector>

namespace mebm::measure {

class Peer {
 public:
  // `words`: the program and its arguments; `environment`: its variables, "NAME=value"; `name` starts the
  // messages. Waits until it is set up; InputError where it cannot be started or refuses.
  Peer(std::string name, const std::vector<std::string>& words, const std::vector<std::string>& environment);
  // Ends the child.
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // Seconds of one of `iterations`. Error where the child ended or answered something else.
  double run(int iterations);
  // Lets the child end; its report, a JSON object.
  std::string finish();

 private:
  void start(const std::vector<std::string>& words, const std::vector<std::string>& environment);
  bool read_line(std::string& line);
  // Waits for the child's end; "exit status 1: <its last words>".
  std::string last_words();
  [[noreturn]] void fail_unexpected(const std::string& line);

  std::string name_;
  pid_t child_ = -1;
  int to_ = -1, from_ = -1, errors_ = -1;
  std::string pending_;
  int done_ = 0;  // iterations so far
};

}  // namespace mebm::measure

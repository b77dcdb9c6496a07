#include "tools/stop_signal.h"

#include <unistd.h>

#include <atomic>
#include <csignal>

namespace mebm::tools {
namespace {

// Signal handlers reach nothing but objects of static storage.
std::atomic<bool> requested{false}, anything_written{false};

void handle_signal(int number) {
  requested = true;
  if (anything_written) return;
  constexpr char kMessage[] = "\nstopped by a signal; nothing was written\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kMessage, sizeof kMessage - 1);
  raise(number);  // the handler is gone (SA_RESETHAND): ends the process once this one returns
}

}  // namespace

void stop_on_signals() {
  struct sigaction action {};
  action.sa_handler = handle_signal;
  action.sa_flags = SA_RESETHAND;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

void keep_what_is_written() {
  anything_written = true;
}

bool stop_requested() {
  return requested;
}

}  // namespace mebm::tools

#include "engine/io/preflight.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <system_error>

#include "engine/core/error.h"
#include "engine/io/file_descriptor.h"
#include "engine/io/hdf5.h"

namespace mebm::engine {
namespace {

constexpr std::uint64_t kMemoryBytes = std::uint64_t{1} << 30;  // beyond what the parent has mapped
constexpr unsigned kSeconds = 10;
constexpr std::uint64_t kBytesPerSecond = 10'000'000;  // deflated data on a slow disk
constexpr std::size_t kMaxMessage = 4000;
constexpr int kReadable = 0, kUnreadable = 1;

struct Limits {
  std::uint64_t memory_bytes;
  unsigned seconds;
};

// The address space in use now, which the child inherits.
std::uint64_t mapped_bytes() {
  unsigned long pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "re")) {
    if (std::fscanf(file, "%lu", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return std::uint64_t{pages} * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

Limits limits_for(std::uint64_t file_bytes) {
  const std::uint64_t seconds = kSeconds + std::min<std::uint64_t>(file_bytes / kBytesPerSecond, 24 * 3600);
  return {mapped_bytes() + kMemoryBytes + file_bytes, static_cast<unsigned>(seconds)};
}

void lower_limit(int resource, rlim_t value) {
  rlimit limit{};
  if (getrlimit(resource, &limit) != 0) return;
  limit.rlim_cur = std::min(limit.rlim_max, value);
  setrlimit(resource, &limit);
}

// In the child: default signal actions, limits, and no words on the program's streams.
void confine(const Limits& limits) {
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM, SIGXCPU, SIGTERM, SIGINT})
    std::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  prctl(PR_SET_DUMPABLE, 0);  // a crash is an answer here: no core file, no crash reporter
  lower_limit(RLIMIT_AS, limits.memory_bytes);
  lower_limit(RLIMIT_CPU, limits.seconds);
  alarm(2 * limits.seconds);  // a slow disk counts less than a loop
  const int null = open("/dev/null", O_RDWR);
  if (null >= 0) {
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
  }
}

[[noreturn]] void run_trial(const std::string& path, const Limits& limits, int message_pipe) {
  confine(limits);
  std::string message;
  try {
    Hdf5Reader(path).read_everything();
  } catch (const std::bad_alloc&) {
    message = fmt::format("{}: reading it needs more than {} bytes of memory", path, limits.memory_bytes);
  } catch (const std::exception& error) {
    message = error.what();
  }
  if (message.empty()) _exit(kReadable);
  message.resize(std::min(message.size(), kMaxMessage));  // below a pipe's capacity: one write takes all
  const ssize_t written = write(message_pipe, message.data(), message.size());
  _exit(written >= 0 ? kUnreadable : kUnreadable + 1);
}

std::string read_message(const FileDescriptor& pipe) {
  std::string message;
  std::array<char, 512> piece{};
  for (;;) {
    const ssize_t got = read(pipe.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return message;
    message.append(piece.data(), static_cast<std::size_t>(got));
  }
}

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) fail("cannot wait for the trial process: {}", std::generic_category().message(errno));
  return status;
}

}  // namespace

void preflight(const std::filesystem::path& path, std::uint64_t file_bytes) {
  const std::string name = path.string();
  const Limits limits = limits_for(file_bytes);
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0)
    fail("{}: cannot start a trial process: {}", name, std::generic_category().message(errno));
  const FileDescriptor message_pipe(ends[0]);
  FileDescriptor child_end(ends[1]);
  const pid_t child = fork();
  if (child < 0) fail("{}: cannot start a trial process: {}", name, std::generic_category().message(errno));
  if (child == 0) run_trial(name, limits, child_end.get());
  child_end.close();
  const std::string message = read_message(message_pipe);
  const int status = wait_for(child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == kReadable) return;
  if (!message.empty()) throw InputError(message);
  if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGALRM || WTERMSIG(status) == SIGXCPU))
    fail_input("{}: the HDF5 library did not finish reading it in {} s; the file is damaged", name,
               limits.seconds);
  if (WIFSIGNALED(status))
    fail_input("{}: the HDF5 library crashes on it (signal {}, {}); the file is damaged", name,
               WTERMSIG(status), strsignal(WTERMSIG(status)));
  fail_input("{}: the HDF5 library fails on it (trial process exit {}); the file is damaged", name,
             WEXITSTATUS(status));
}

}  // namespace mebm::engine

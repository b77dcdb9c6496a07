#include "measure/peer.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include "engine/core/error.h"
#include "engine/device/device.h"

namespace mebm::measure {

using engine::fail;
using engine::fail_input;
using nlohmann::json;

namespace {

void close_quietly(int& file) {
  if (file >= 0) ::close(file);
  file = -1;
}

struct Pipe {
  int read = -1, write = -1;

  Pipe() {
    std::array<int, 2> ends{};
    engine::require(pipe2(ends.data(), O_CLOEXEC) == 0, "cannot make a pipe: {}", std::strerror(errno));
    read = ends[0];
    write = ends[1];
  }
  ~Pipe() {
    close_quietly(read);
    close_quietly(write);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
};

// What exec takes; `texts` must outlive it.
std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

json parsed(const std::string& line) {
  return json::parse(line, nullptr, false);
}

}  // namespace

Peer::Peer(std::string name, const std::vector<std::string>& words,
           const std::vector<std::string>& environment)
    : name_(std::move(name)) {
  start(words, environment);
  std::string line;
  if (!read_line(line)) fail_input("{}: {} ended before it was set up ({})", name_, words[0], last_words());
  const json greeting = parsed(line);
  if (!greeting.is_object()) fail_input("{}: {} is no such peer; it said: {}", name_, words[0], line);
  if (greeting.contains("error")) fail_input("{}: {}", name_, greeting.value("error", std::string()));
}

Peer::~Peer() {
  if (child_ > 0) {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  for (int* file : {&to_, &from_, &errors_}) close_quietly(*file);
}

void Peer::start(const std::vector<std::string>& words, const std::vector<std::string>& environment) {
  std::vector<std::string> all = words;
  all.push_back("--interactive");
  std::vector<char*> argv = pointers(all);
  std::vector<std::string> variables = environment;
  std::vector<char*> envp = pointers(variables);
  const cpu_set_t processors = engine::allowed_processors();
  Pipe in, out, failure;
  errors_ = memfd_create("peer", MFD_CLOEXEC);
  child_ = fork();
  engine::require(child_ >= 0, "cannot start {}: {}", words[0], std::strerror(errno));
  if (child_ == 0) {
    // Only calls that are safe after fork() in a process with threads.
    sched_setaffinity(0, sizeof processors, &processors);
    dup2(in.read, STDIN_FILENO);
    dup2(out.write, STDOUT_FILENO);
    if (errors_ >= 0) dup2(errors_, STDERR_FILENO);
    signal(SIGPIPE, SIG_DFL);
    execvpe(argv[0], argv.data(), envp.data());
    const int error = errno;
    (void)!write(failure.write, &error, sizeof error);
    _exit(127);
  }
  std::swap(to_, in.write);
  std::swap(from_, out.read);
  close_quietly(failure.write);
  int error = 0;
  if (read(failure.read, &error, sizeof error) == sizeof error)
    fail_input(
        "{}: cannot run {}: {}; install Python and PyTorch (Debian: python3-torch, whose interpreter is "
        "/usr/bin/python3) or name another one with --python",
        name_, words[0], std::strerror(error));
}

bool Peer::read_line(std::string& line) {
  for (;;) {
    if (const std::size_t end = pending_.find('\n'); end != std::string::npos) {
      line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      return true;
    }
    std::array<char, 4096> bytes{};
    const ssize_t got = read(from_, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    pending_.append(bytes.data(), static_cast<std::size_t>(got));
  }
}

std::string Peer::last_words() {
  close_quietly(to_);
  int status = 0;
  waitpid(child_, &status, 0);
  child_ = -1;
  std::string text = WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                                         : fmt::format("exit status {}", WEXITSTATUS(status));
  constexpr off_t kMost = 4096;
  const off_t size = errors_ >= 0 ? lseek(errors_, 0, SEEK_END) : 0;
  std::string said(static_cast<std::size_t>(std::min(kMost, std::max<off_t>(size, 0))), '\0');
  if (pread(errors_, said.data(), said.size(), std::max<off_t>(0, size - kMost)) > 0) {
    while (!said.empty() && std::isspace(static_cast<unsigned char>(said.back())) != 0) said.pop_back();
    if (!said.empty()) text += ": " + said.substr(said.rfind('\n') + 1);
  }
  return text;
}

void Peer::fail_unexpected(const std::string& line) {
  const json answer = parsed(line);
  fail("{}: after {} iterations it said: {}", name_, done_,
       answer.is_object() ? answer.value("error", line) : line);
}

double Peer::run(int iterations) {
  const std::string request = std::to_string(iterations) + "\n";
  std::string line;
  if (write(to_, request.data(), request.size()) != static_cast<ssize_t>(request.size()) || !read_line(line))
    fail("{}: ended after {} iterations ({})", name_, done_, last_words());
  double seconds = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), seconds);
  if (error != std::errc() || end != line.data() + line.size() || !(seconds > 0) || !std::isfinite(seconds))
    fail_unexpected(line);
  done_ += iterations;
  return seconds;
}

std::string Peer::finish() {
  close_quietly(to_);
  std::string line;
  if (!read_line(line)) fail("{}: ended without a report ({})", name_, last_words());
  if (!parsed(line).is_object()) fail_unexpected(line);
  waitpid(child_, nullptr, 0);
  child_ = -1;
  return line;
}

}  // namespace mebm::measure

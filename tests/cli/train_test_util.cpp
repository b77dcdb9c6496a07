#include "tests/cli/train_test_util.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

extern char** environ;

namespace mebm::testing {

namespace fs = std::filesystem;

std::string bytes_of(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  EXPECT_TRUE(stream) << path;
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::string without_plan(const std::string& text) {
  static const std::set<std::string> kPlan = {"model",   "device",     "convolution", "memory",
                                              "speed",   "time",       "note",        "published",
                                              "fitting", "evaluation", "report"};
  std::istringstream in(text);
  std::string kept;
  for (std::string line; std::getline(in, line);) {
    const std::string word = line.substr(0, line.find(' '));
    const bool progress = word.find('/') != std::string::npos && std::isdigit(word[0]) != 0;
    if (!progress && kPlan.count(word) == 0) kept += line + '\n';
  }
  return kept;
}

bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return true;
}

Child::Child(const std::vector<std::string>& arguments, const std::string& log) : log_(log) {
  std::vector<std::string> words{MEBM_ENGINE};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  const int error = posix_spawn(&pid_, MEBM_ENGINE, &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error("cannot start " MEBM_ENGINE);
}

Child::~Child() {
  if (!running()) return;
  signal(SIGKILL);
  reap(0);
}

void Child::reap(int options) {
  if (!ended_ && waitpid(pid_, &status_, options) == pid_) ended_ = true;
}

bool Child::running() {
  reap(WNOHANG);
  return !ended_;
}

void Child::signal(int number) const {
  if (!ended_) kill(pid_, number);
}

RunResult Child::wait() {
  reap(0);
  RunResult result;
  result.status = WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
  result.err = bytes_of(log_);
  return result;
}

TrainTest::TrainTest() {
  setenv("OMP_WAIT_POLICY", "passive", 1);
  setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
  images_ = write_images("images.h5", 64);
}

TrainTest::Words TrainTest::set(std::initializer_list<std::string> assignments) {
  Words words;
  for (const std::string& assignment : assignments) {
    words.push_back("--set");
    words.push_back(assignment);
  }
  return words;
}

TrainTest::Words TrainTest::train_on(const std::string& data, const std::string& out,
                                     const Words& extra) const {
  Words words{"train", "--recipe", "cifar10-mjem-k2", "--data", data, "--out", at(out)};
  const Words tiny = set({"data.set=images", "model.depth=10", "model.width=1", "data.batch_size=4",
                          "data.labelled_batch_size=4", "buffer.size=64", "run.iterations_per_epoch=20",
                          "run.epochs=2", "run.checkpoint_every=10", "run.log_every=1"});
  words.insert(words.end(), tiny.begin(), tiny.end());
  words.insert(words.end(), extra.begin(), extra.end());
  if (std::find(words.begin(), words.end(), "--threads") == words.end())
    words.insert(words.end(), {"--threads", "1"});
  return words;
}

TrainTest::Words TrainTest::train(const std::string& out, const Words& extra) const {
  return train_on(images_, out, extra);
}

TrainTest::Words TrainTest::resume(const std::string& out, const Words& extra) const {
  Words words{"train", "--resume", "--data", images_, "--out", at(out)};
  words.insert(words.end(), extra.begin(), extra.end());
  return words;
}

void TrainTest::expect_refused(const Words& arguments, const std::string& message,
                               const std::string& out) const {
  std::string command = "mebm_engine";
  for (const std::string& argument : arguments) command += " " + argument;
  SCOPED_TRACE(command);
  const RunResult result = run_engine(arguments);
  const std::string lines = without_plan(result.err);
  EXPECT_EQ(result.status, 2) << result.err;
  EXPECT_THAT(lines, ::testing::HasSubstr(message));
  EXPECT_THAT(lines, ::testing::StartsWith("mebm_engine: "));
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 1) << lines;
  EXPECT_EQ(result.out, "");
  EXPECT_FALSE(exists(out));
}

std::string TrainTest::checkpoint(const std::string& out, int iteration) const {
  return at(fmt::format("{}/checkpoints/iteration-{:07}.h5", out, iteration));
}

std::vector<int> TrainTest::checkpoints(const std::string& out) const {
  std::vector<int> found;
  std::error_code error;
  for (fs::directory_iterator entry(at(out) + "/checkpoints", error), end; !error && entry != end;
       entry.increment(error))
    if (entry->path().extension() == ".h5")
      found.push_back(std::stoi(entry->path().stem().string().substr(std::string("iteration-").size())));
  std::erase(found, 0);
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<std::string> TrainTest::partial_files(const std::string& out) const {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(at(out), error), end; !error && entry != end;
       entry.increment(error))
    if (entry->path().extension() == ".partial") found.push_back(entry->path().filename().string());
  return found;
}

std::vector<double> TrainTest::metrics(const std::string& out, const std::string& key) const {
  std::ifstream in(at(out) + "/metrics.jsonl");
  std::vector<double> values;
  for (std::string line; std::getline(in, line);) {
    const auto object = nlohmann::json::parse(line, nullptr, false);
    EXPECT_TRUE(object.is_object() && object.contains(key)) << line;
    if (!object.is_object() || !object.contains(key)) continue;
    values.push_back(object[key].is_null() ? std::nan("") : object[key].get<double>());
  }
  return values;
}

void TrainTest::expect_logged(const std::string& out, int every, int last) const {
  std::vector<double> expected;
  for (int i = 0; i < last; i += every) expected.push_back(i);
  expected.push_back(last);
  EXPECT_EQ(metrics(out, "iteration"), expected);
}

}  // namespace mebm::testing

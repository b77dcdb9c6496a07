#include "tests/cli/cli_test_util.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>

#include "engine/ops/elementwise.h"

extern char** environ;

namespace mebm::testing {

namespace fs = std::filesystem;

namespace {

std::string slurp(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

fs::path make_directory() {
  std::string name = (fs::temp_directory_path() / "mebm-cli-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  return name;
}

}  // namespace

RunResult run_engine(const std::vector<std::string>& arguments) {
  const fs::path directory = make_directory();
  std::vector<std::string> words{MEBM_ENGINE};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const std::string out = directory / "out", err = directory / "err";
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out.c_str(), O_WRONLY | O_CREAT, 0600);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, err.c_str(), O_WRONLY | O_CREAT, 0600);
  pid_t child = 0;
  const int error = posix_spawn(&child, MEBM_ENGINE, &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error("cannot start " MEBM_ENGINE);
  int status = 0;
  waitpid(child, &status, 0);
  RunResult result;
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.out = slurp(out);
  result.err = slurp(err);
  fs::remove_all(directory);
  return result;
}

CliTest::CliTest() : directory_(make_directory()) {}

CliTest::~CliTest() {
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

std::unique_ptr<models::WideResNet> CliTest::make_network(engine::DType dtype, int classes) {
  models::WideResNetConfig config;
  config.depth = 10;
  config.width = 1;
  config.num_classes = classes;
  config.image_size = kSide;
  auto network = std::make_unique<models::WideResNet>(context_, config, dtype, 7);
  // Values that fp32 holds exactly, so that the fp32 file and an fp64 network agree.
  double k = 0;
  for (const models::NamedBuffer& buffer : network->buffers()) {
    if (buffer.tensor == nullptr) continue;
    std::vector<double> values(static_cast<std::size_t>(buffer.tensor->elements()));
    const bool variance = buffer.name.ends_with("running_var");
    for (double& value : values)
      value = static_cast<float>((variance ? 0.5 : 0) + 0.25 * std::fabs(std::sin(++k)));
    engine::ops::write(values, *buffer.tensor);
    buffer.tensor->bump_version();
  }
  for (autograd::Parameter* parameter : network->parameters()) {
    std::vector<double> values(static_cast<std::size_t>(parameter->value.elements()));
    engine::ops::read(parameter->value, values);
    for (double& value : values) value = static_cast<float>(value);
    engine::ops::write(values, parameter->value);
    parameter->value.bump_version();
  }
  return network;
}

std::string CliTest::write_model(const std::string& name, const TinyContents& tiny, int classes) {
  const auto network = make_network(engine::DType::fp32, classes);
  ebm::CheckpointContents contents;
  contents.config_toml = tiny.config;
  contents.energy = tiny.energy;
  contents.iteration = 12;
  contents.epoch = 3;
  contents.model = network.get();
  contents.environment = {5, "fp32", "test", "auto", 1};
  const ebm::ImageShape shape{3, kSide, kSide};
  ebm::ReplayBuffer buffer(context_, 20, shape, engine::DType::fp32);
  buffer.fill(ebm::UniformInitialDistribution(context_, shape), engine::PhiloxKey(11));
  if (tiny.buffer) contents.buffer = &buffer;
  const ebm::UniformInitialDistribution initial(context_, shape);
  if (tiny.initial) contents.initial = &initial;
  ebm::write_checkpoint(at(name), contents);
  return at(name);
}

std::vector<float> CliTest::make_images(std::int64_t count) const {
  std::vector<float> images(static_cast<std::size_t>(count * kPixels));
  for (std::size_t i = 0; i < images.size(); ++i)
    images[i] =
        static_cast<float>(std::sin(0.37 * static_cast<double>(i) + 1e-3 * static_cast<double>(i % 701)));
  return images;
}

std::string CliTest::write_images(const std::string& name, std::int64_t count, bool labels) const {
  engine::Hdf5Writer writer;
  writer.write("/images", {count, 3, kSide, kSide}, make_images(count).data());
  std::vector<std::int32_t> values;
  for (std::int64_t i = 0; i < count; ++i) values.push_back(static_cast<std::int32_t>(i % 10));
  if (labels) writer.write("/labels", {count}, values.data());
  engine::write_file(at(name), writer);
  return at(name);
}

engine::Tensor CliTest::tensor(const std::vector<float>& values, std::int64_t rows, engine::DType dtype) {
  engine::Tensor out = context_.empty({rows, 3, kSide, kSide}, dtype);
  engine::ops::write(std::vector<double>(values.begin(), values.end()), out);
  return out;
}

std::vector<double> CliTest::read(const std::string& name, const std::string& path) const {
  const engine::Hdf5Reader reader = engine::open_checked(at(name));
  return reader.read_at_most<double>(path, 1 << 24);
}

engine::Hdf5Entry CliTest::entry(const std::string& name, const std::string& path) const {
  return engine::open_checked(at(name)).dataset(path);
}

void CliTest::expect_bad_input(const std::vector<std::string>& arguments, const std::string& message,
                               const std::string& unwritten) const {
  std::string command = "mebm_engine";
  for (const std::string& argument : arguments) command += " " + argument;
  SCOPED_TRACE(command);
  const RunResult result = run_engine(arguments);
  EXPECT_EQ(result.status, 2) << result.err;
  EXPECT_THAT(result.err, ::testing::HasSubstr(message));
  EXPECT_THAT(result.err, ::testing::StartsWith("mebm_engine: "));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_FALSE(exists(unwritten));
}

RunResult CliTest::expect_success(const std::vector<std::string>& arguments) const {
  std::vector<std::string> words = arguments;
  const RunResult result = run_engine(words);
  EXPECT_EQ(result.status, 0) << result.err;
  return result;
}

}  // namespace mebm::testing

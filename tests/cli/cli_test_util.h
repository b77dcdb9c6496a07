#pragma once
// Runs the program and makes the small files it is run on.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "ebm/checkpoint.h"
#include "ebm/langevin_sampler.h"
#include "engine/io/checkpoint_file.h"

namespace mebm::testing {

struct RunResult {
  int status = -1;  // exit status; 128 + signal
  std::string out, err;
};

// Runs mebm_engine with these arguments.
RunResult run_engine(const std::vector<std::string>& arguments);

// What a tiny checkpoint holds besides its network.
struct TinyContents {
  std::string config, energy = "head";
  bool buffer = false, initial = false;
};

// A directory that removes itself, a context for the expected values, and files to run on.
class CliTest : public ::testing::Test {
 protected:
  static constexpr int kSide = 8;
  static constexpr std::int64_t kPixels = 3 * kSide * kSide;

  CliTest();
  ~CliTest() override;

  std::string at(const std::string& name) const { return (directory_ / name).string(); }
  bool exists(const std::string& name) const { return std::filesystem::exists(at(name)); }

  // WRN-10-1 for 3x8x8, drawn from a seed, with running statistics unlike batch statistics.
  std::unique_ptr<models::WideResNet> make_network(engine::DType dtype, int classes = 10);
  // Writes that network as checkpoint `name`; returns its path.
  std::string write_model(const std::string& name, const TinyContents& contents = {}, int classes = 10);
  // Images [count,3,8,8] of a fixed pseudo-random pattern in [-1,1], with labels i mod 10.
  std::vector<float> make_images(std::int64_t count) const;
  std::string write_images(const std::string& name, std::int64_t count, bool labels = true) const;

  engine::Tensor tensor(const std::vector<float>& values, std::int64_t rows, engine::DType dtype);
  // The dataset `path` of a file as double.
  std::vector<double> read(const std::string& name, const std::string& path) const;
  engine::Hdf5Entry entry(const std::string& name, const std::string& path) const;

  // Exit status 2, one line on stderr that holds `message`, nothing on stdout, and no file `unwritten`.
  void expect_bad_input(const std::vector<std::string>& arguments, const std::string& message,
                        const std::string& unwritten = "out.h5") const;
  // Runs and expects exit status 0.
  RunResult expect_success(const std::vector<std::string>& arguments) const;

  std::filesystem::path directory_;
  engine::Context context_;
  autograd::Tape tape_{context_};
};

}  // namespace mebm::testing

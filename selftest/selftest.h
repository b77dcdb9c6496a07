#pragma once
// Whether a device computes what the CPU computes: every op of engine/ops on both, then whole training
// iterations (docs/selftest.md).

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/device/device.h"
#include "measure/ceilings.h"

namespace mebm::selftest {

struct Options {
  engine::Device device;
  int threads = 1;         // of the CPU side
  std::uint64_t seed = 1;  // of shapes and inputs
  bool quick = false;      // few small shapes, nothing timed
  std::string only = {};   // run only what has this in its op's name; the shapes stay what they are

  // Tests of the selftest itself: may change what the device computed, before it is compared.
  std::function<void(const std::string& op, std::vector<double>& values)> disturb = {};
};

// One line of the table.
struct Result {
  std::string op = {}, shape = {}, type = {};
  std::string output = {};  // the one with the largest error for its tolerance
  double error = 0, tolerance = 0;
  std::optional<double> left_out = {};      // share of elements within rounding of LeakyReLU's kink
  std::optional<double> milliseconds = {};  // absent where nothing was measured
  std::optional<double> rate = {};          // of `rate_unit`
  std::string rate_unit = {};               // "GB/s" or "TFLOP/s"
  std::optional<double> share = {};         // of the device's ceiling for that unit and type
  std::string failure = {};                 // empty: passed
};

struct Report {
  std::string device;
  bool emulated = false;
  std::uint64_t seed = 0;
  measure::Ceilings ceilings;  // absent in the emulator and of a quick run
  std::vector<Result> results;

  int failed() const;
  int passed() const { return static_cast<int>(results.size()) - failed(); }
};

// Throws InputError where there is no such device. `progress` hears every result as it is there.
Report run(const Options& options, const std::function<void(const Report&, const Result&)>& progress = {});

}  // namespace mebm::selftest

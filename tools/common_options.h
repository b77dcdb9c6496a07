#pragma once
// What every computing command shares: where and how it computes, and the checks of what it will write.

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>

#include "engine/core/random.h"
#include "engine/device/context.h"
#include "models/energy_model.h"
#include "tools/options.h"

namespace mebm::tools {

struct RuntimeOptions {
  std::string device = "auto", precision = "fp32";
  std::optional<int> threads;
  std::uint64_t seed = 1;
};

// --device, --precision, --threads, --seed.
void add_runtime_options(Options& options, RuntimeOptions& runtime);

// What a command computes with. The constructor throws InputError for a device, precision or thread count
// that cannot be had.
struct Runtime {
  explicit Runtime(const RuntimeOptions& options);

  engine::DType dtype;
  engine::PhiloxKey key;
  engine::Context context;
  autograd::Tape tape;
};

// InputError unless a file of about `bytes` bytes can be written to `path` and `path` is none of `inputs`. To
// be called before any work.
void check_output(const std::string& option, const std::filesystem::path& path, std::uint64_t bytes,
                  std::initializer_list<std::string> inputs);

// InputError unless the machine has `bytes` of memory to give; `what` starts the message and `advice` ends
// it.
void require_memory(const std::string& what, double bytes, const std::string& advice);

// InputError unless low <= value <= high (NaN is outside).
void require_range(const std::string& option, double value, double low, double high);

}  // namespace mebm::tools

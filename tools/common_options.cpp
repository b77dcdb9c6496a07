#include "tools/common_options.h"

#include <unistd.h>

#include <fstream>

#include "engine/core/error.h"
#include "engine/io/atomic_write.h"

namespace mebm::tools {

namespace fs = std::filesystem;
using engine::fail_input;

namespace {

constexpr int kMaxThreads = 1024;

engine::DType parse_precision(const std::string& text) {
  if (text == "fp32") return engine::DType::fp32;
  if (text == "fp64") return engine::DType::fp64;
  if (text == "tf32" || text == "bf16")
    fail_input("--precision {}: not available on the CPU in this version; use fp32 or fp64", text);
  fail_input("--precision {}: unknown precision; known: fp32, tf32, bf16, fp64", text);
}

engine::ContextOptions context_options(const RuntimeOptions& options) {
  engine::ContextOptions context;
  context.device = engine::parse_device(options.device);
  context.threads = options.threads.value_or(engine::physical_cores());
  if (context.threads < 1 || context.threads > kMaxThreads)
    fail_input("--threads {} is outside 1 ... {}", context.threads, kMaxThreads);
  return context;
}

// Bytes of memory that can be had without swapping; 0 where the system does not tell.
double available_memory() {
  std::ifstream file("/proc/meminfo");
  std::string name, unit;
  double kilobytes = 0;
  while (file >> name >> kilobytes) {
    std::getline(file, unit);
    if (name == "MemAvailable:") return 1024 * kilobytes;
  }
  return 0;
}

}  // namespace

void add_runtime_options(Options& options, RuntimeOptions& runtime) {
  options.with_default("--device", "DEVICE", runtime.device, "processor: auto, cpu, cuda or cuda:<index>");
  options.with_default("--precision", "TYPE", runtime.precision,
                       "arithmetic: fp32, tf32, bf16 or fp64; the CPU has fp32 and fp64");
  options.optional("--threads", "N", runtime.threads, "threads",
                   fmt::format("physical cores, here {}", engine::physical_cores()));
  options.with_default("--seed", "N", runtime.seed, "seed of every random choice, 0 ... 2^64 - 1");
}

Runtime::Runtime(const RuntimeOptions& options)
    : dtype(parse_precision(options.precision)),
      key(options.seed),
      context(context_options(options)),
      tape(context) {}

void check_output(const std::string& option, const fs::path& path, std::uint64_t bytes,
                  std::initializer_list<std::string> inputs) {
  if (path.empty() || !path.has_filename()) fail_input("{} '{}' names no file", option, path.string());
  engine::check_can_write(path, bytes);
  for (const std::string& input : inputs) {
    std::error_code error;
    if (!input.empty() && fs::equivalent(path, input, error))
      fail_input("{} {} would overwrite the input {}; choose another name", option, path.string(), input);
  }
}

void require_memory(const std::string& what, double bytes, const std::string& advice) {
  const double available = available_memory();
  constexpr double kGigabyte = 1e9;
  if (available > 0 && bytes > available)
    fail_input("{} needs {:.3g} GB of memory, {:.3g} GB are available; {}", what, bytes / kGigabyte,
               available / kGigabyte, advice);
}

void require_range(const std::string& option, double value, double low, double high) {
  if (!(value >= low && value <= high)) fail_input("{} {} is outside {} ... {}", option, value, low, high);
}

}  // namespace mebm::tools

#include "tools/common_options.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <thread>

#include "engine/core/error.h"
#include "engine/io/atomic_write.h"
#include "tools/config.h"

namespace mebm::tools {

namespace fs = std::filesystem;
using engine::fail_input;

namespace {

ebm::RunConfig run_of(const RuntimeOptions& options) {
  ebm::RunConfig run;
  apply_runtime_options(options, run);
  resolve_precision(run);
  return run;
}

constexpr std::uint64_t kUnknown = ~std::uint64_t{0};

// The number at the start of a file, or after `word` in it.
std::uint64_t read_number(const char* path, const std::string& word = "") {
  std::ifstream file(path);
  for (std::string found; !word.empty() && found != word && file >> found;) continue;
  std::uint64_t value = 0;
  return file >> value ? value : kUnknown;
}

}  // namespace

void add_runtime_options(Options& options, RuntimeOptions& runtime, const std::string& stored) {
  const ebm::RunConfig defaults;
  options.optional("--device", "DEVICE", runtime.device, "processor: auto, cpu, cuda or cuda:<index>",
                   stored + defaults.device);
  options.optional(
      "--precision", "TYPE", runtime.precision,
      "arithmetic: auto, fp32, tf32, bf16 or fp64; the CPU has fp32 and fp64; auto is fp32 on the "
      "CPU, bf16 on a GPU",
      stored + defaults.precision);
  options.optional("--threads", "N", runtime.threads,
                   fmt::format("threads, 0 ... {}; 0: one per physical core", kMaxThreads),
                   fmt::format("{}0, here {}", stored, engine::physical_cores()));
  options.optional("--seed", "N", runtime.seed, "seed of every random choice, 0 ... 2^63 - 1",
                   fmt::format("{}{}", stored, defaults.seed));
}

void apply_runtime_options(const RuntimeOptions& options, ebm::RunConfig& run) {
  if (options.threads && (*options.threads < 0 || *options.threads > kMaxThreads))
    fail_input("--threads {} is outside 0 ... {}; 0: one per physical core", *options.threads, kMaxThreads);
  // The configuration is written with the seed, and TOML's integers end here.
  if (constexpr auto kLargest = std::numeric_limits<std::int64_t>::max();
      options.seed && *options.seed > std::uint64_t{kLargest})
    fail_input("--seed {} is outside 0 ... {}", *options.seed, kLargest);
  run.device = options.device.value_or(run.device);
  run.precision = options.precision.value_or(run.precision);
  if (options.threads) run.threads = static_cast<int>(*options.threads);
  run.seed = options.seed.value_or(run.seed);
}

int thread_count(int asked) {
  const int processors =
      std::max(engine::physical_cores(), static_cast<int>(std::thread::hardware_concurrency()));
  if (asked > processors)
    std::fprintf(
        stderr,
        "note        %d threads on %d processors slow each other down; --threads 0 takes one a core\n", asked,
        processors);
  const int threads = asked > 0 ? asked : engine::physical_cores();
  // Whoever sets OpenMP's places has decided where threads run.
  if (std::getenv("OMP_PROC_BIND") == nullptr && std::getenv("OMP_PLACES") == nullptr &&
      std::getenv("GOMP_CPU_AFFINITY") == nullptr)
    engine::bind_threads(threads);
  return threads;
}

Runtime::Runtime(const RuntimeOptions& options) : Runtime(run_of(options)) {}

void resolve_precision(ebm::RunConfig& run) {
  const bool device = engine::parse_device(run.device).kind == engine::DeviceKind::cuda;
  if (run.precision == "auto") run.precision = device ? "bf16" : "fp32";
  if (run.convolution == "winograd" && (device || run.precision == "fp64"))
    fail_input("run.convolution = \"winograd\" is for fp32 on the CPU, not for {}; use auto",
               device ? run.device : run.precision);
  if (run.precision == "fp32" || run.precision == "fp64") {
    if (device && run.precision == "fp64")
      fail_input("--precision fp64: cuDNN has no such convolutions; use fp32 there, or --device cpu");
    return;
  }
  if (run.precision != "tf32" && run.precision != "bf16")
    fail_input("--precision {}: unknown precision; known: auto, fp32, tf32, bf16, fp64", run.precision);
  if (!device)
    fail_input("--precision {}: not available on the CPU in this version; use fp32 or fp64", run.precision);
}

engine::DType stored_type(const ebm::RunConfig& run) {
  return run.precision == "fp64" ? engine::DType::fp64 : engine::DType::fp32;
}

engine::ConvolutionChoice convolution_choice(const ebm::RunConfig& run) {
  return run.convolution == "winograd" ? engine::ConvolutionChoice::winograd
         : run.convolution == "direct" ? engine::ConvolutionChoice::direct
                                       : engine::ConvolutionChoice::automatic;
}

engine::ContextOptions context_options(const ebm::RunConfig& run, int threads,
                                       const std::string& plans_file) {
  engine::ContextOptions options;
  options.device = engine::parse_device(run.device);
  options.threads = threads;
  options.bf16_features = run.precision == "bf16";
  options.tf32 = run.precision == "tf32";
  options.convolution = convolution_choice(run);
  options.plans_file = plans_file;
  return options;
}

Runtime::Runtime(const ebm::RunConfig& run)
    : dtype(stored_type(run)),
      seed(run.seed),
      key(run.seed),
      context(context_options(run, thread_count(run.threads))),
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

void check_hdf5_name(const std::string& option, const fs::path& path) {
  const std::string extension = path.extension();
  if (extension != ".h5" && extension != ".hdf5")
    fail_input("{} {}: ends in neither .h5 nor .hdf5", option, path.string());
}

std::uint64_t free_memory() {
  const std::uint64_t kilobytes = read_number("/proc/meminfo", "MemAvailable:");
  const std::uint64_t available = kilobytes == kUnknown ? kUnknown : 1024 * kilobytes;
  const std::uint64_t limit = read_number("/sys/fs/cgroup/memory.max");
  const std::uint64_t used = read_number("/sys/fs/cgroup/memory.current");
  if (limit == kUnknown || used == kUnknown) return available;
  // The container's share of the page cache is given back when memory is asked for.
  std::uint64_t cache = 0;
  for (const char* kind : {"inactive_file", "active_file"})
    if (const std::uint64_t bytes = read_number("/sys/fs/cgroup/memory.stat", kind); bytes != kUnknown)
      cache += bytes;
  const std::uint64_t held = used - std::min(used, cache);
  return std::min(available, limit - std::min(limit, held));
}

void require_memory(const std::string& what, double bytes, const std::string& advice) {
  const auto available = static_cast<double>(free_memory());
  constexpr double kGigabyte = 1e9;
  if (bytes > available)
    fail_input("{} needs {:.3g} GB of memory, {:.3g} GB are available; {}", what, bytes / kGigabyte,
               available / kGigabyte, advice);
}

void require_range(const std::string& option, double value, double low, double high) {
  if (!(value >= low && value <= high)) fail_input("{} {} is outside {} ... {}", option, value, low, high);
}

}  // namespace mebm::tools

#pragma once
// What every computing command shares: where and how it computes, and the checks of what it will write.

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>

#include "ebm/config.h"
#include "engine/core/random.h"
#include "engine/device/context.h"
#include "models/energy_model.h"
#include "tools/options.h"

namespace mebm::tools {

// As given on the command line.
struct RuntimeOptions {
  std::optional<std::string> device, precision;
  std::optional<std::int64_t> threads;
  std::optional<std::uint64_t> seed;
};

// --device, --precision, --threads, --seed; `stored` is what --help says of a stored choice that comes before
// the defaults ("the configuration's, else ").
void add_runtime_options(Options& options, RuntimeOptions& runtime, const std::string& stored = "");

// What is given over what `run` holds. InputError for threads or a seed out of range.
void apply_runtime_options(const RuntimeOptions& options, ebm::RunConfig& run);

// Replaces precision "auto" by what the device has, bf16 on a GPU and fp32 on the CPU; InputError for a
// precision the device has not, or a choice of convolutions it has not in that precision.
void resolve_precision(ebm::RunConfig& run);
// The type of weights, statistics and images of such a run: fp64 or fp32.
engine::DType stored_type(const ebm::RunConfig& run);
// What run.convolution says.
engine::ConvolutionChoice convolution_choice(const ebm::RunConfig& run);
// What such a run asks of the engine. plans_file: tuned convolution plans of a device, "" for none.
engine::ContextOptions context_options(const ebm::RunConfig& run, int threads,
                                       const std::string& plans_file = "");

// Threads to compute with; 0 asks for one per physical core. More than the machine runs at once are taken,
// with a note on stderr. Binds them to a core each where they take all (engine::bind_threads), unless the
// environment says where OpenMP's threads go.
int thread_count(int asked);

// What a command computes with. The constructor throws InputError for a device, precision or thread count
// that cannot be had.
struct Runtime {
  explicit Runtime(const RuntimeOptions& options);
  explicit Runtime(const ebm::RunConfig& run);

  engine::DType dtype;
  std::uint64_t seed;
  engine::PhiloxKey key;
  engine::Context context;
  autograd::Tape tape;
};

// InputError unless a file of about `bytes` bytes can be written to `path` and `path` is none of `inputs`. To
// be called before any work.
void check_output(const std::string& option, const std::filesystem::path& path, std::uint64_t bytes,
                  std::initializer_list<std::string> inputs);

// InputError unless the name ends in .h5 or .hdf5.
void check_hdf5_name(const std::string& option, const std::filesystem::path& path);

// Bytes the system would still grant this process: available memory, the container's limit.
std::uint64_t free_memory();

// InputError unless the machine has `bytes` of memory to give; `what` starts the message and `advice` ends
// it.
void require_memory(const std::string& what, double bytes, const std::string& advice);

// InputError unless low <= value <= high (NaN is outside).
void require_range(const std::string& option, double value, double low, double high);

}  // namespace mebm::tools

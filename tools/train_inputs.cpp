#include "tools/train_inputs.h"

#include <cmath>
#include <cstdio>

#include "engine/io/atomic_write.h"
#include "metrics/reference_networks.h"
#include "tools/common_options.h"
#include "tools/train_plan.h"

namespace mebm::tools {
namespace {

ebm::ImageShape image_shape(const data::ImageSet& images) {
  return {images.channels, images.height, images.width};
}

std::unique_ptr<ebm::InitialDistribution> read_initial(engine::Context& context, const TrainJob& job,
                                                       engine::DType dtype) {
  return ebm::read_initial_distribution(job.initial_distribution, context, dtype, image_shape(job.images));
}

// The checkpoint's network must be the configured one; its values are read once to find what is wrong with
// them before anything is measured or written.
void check_weights(const TrainJob& job) {
  if (job.checkpoint == nullptr) return;
  const models::WideResNetConfig wanted =
      ebm::Trainer::network_config(job.config.model, job.images.channels, job.images.height);
  const models::WideResNetConfig stored = job.checkpoint->model().network;
  models::WideResNetConfig compared = stored;
  const auto close = [](double a, double b) { return std::abs(a - b) <= 1e-6 * std::abs(b); };
  if (close(stored.leak, wanted.leak)) compared.leak = wanted.leak;  // a file may hold it in fp32
  if (close(stored.norm_momentum, wanted.norm_momentum)) compared.norm_momentum = wanted.norm_momentum;
  if (close(stored.norm_eps, wanted.norm_eps)) compared.norm_eps = wanted.norm_eps;
  const auto describe = [](const models::WideResNetConfig& c) {
    return fmt::format("WRN-{}-{} for {}x{}x{}, {} classes, norm {}, leak {}, norm_momentum {}, norm_eps {}",
                       c.depth, c.width, c.in_channels, c.image_size, c.image_size, c.num_classes, c.norm,
                       c.leak, c.norm_momentum, c.norm_eps);
  };
  if (!(compared == wanted))
    engine::fail_input("{}: holds a {}; the configuration wants a {}", job.checkpoint->path().string(),
                       describe(stored), describe(wanted));
  engine::Context context;
  models::WideResNet probe(context, wanted, engine::DType::fp32, std::nullopt);
  job.checkpoint->load_model(probe);
}

}  // namespace

std::shared_ptr<const ebm::InitialDistribution> make_initial(engine::Context& context, const TrainJob& job,
                                                             std::span<const std::int64_t> indices) {
  const ebm::Config& c = job.config;
  if (c.objective.energy_weight == 0) return nullptr;
  const auto dtype = c.run.precision == "fp64" ? engine::DType::fp64 : engine::DType::fp32;
  if (!job.initial_distribution.empty()) return read_initial(context, job, dtype);
  if (job.resumed && job.checkpoint->has_initial_distribution())
    return job.checkpoint->initial_distribution(context, dtype);
  if (c.init.kind == "uniform")
    return std::make_shared<ebm::UniformInitialDistribution>(context, image_shape(job.images));
  std::fprintf(stderr, "fitting p0 to %zu images\n", indices.size());
  return std::make_shared<ebm::GaussianInitialDistribution>(
      context, ebm::fit_gaussian(context, job.images, indices, c.init.jitter), dtype);
}

// What resume has to say when the machine or its use changed.
void report_environment(const TrainJob& job, const ebm::RunEnvironment& now) {
  const auto then = job.checkpoint->environment();
  if (!then || *then == now) return;
  if (then->threads != now.threads)
    std::fprintf(stderr,
                 "note: the run used %d threads, now %d: weight gradients round differently, so the "
                 "continuation is not "
                 "bit-identical\n",
                 then->threads, now.threads);
  if (then->processor != now.processor || then->convolution != now.convolution)
    std::fprintf(
        stderr, "note: the run used %s (%s convolutions), now %s (%s): results may differ in rounding\n",
        then->processor.c_str(), then->convolution.c_str(), now.processor.c_str(), now.convolution.c_str());
}

void require_run_memory(const ebm::RunConfig& run, std::uint64_t bytes) {
  const engine::Device device = engine::parse_device(run.device);
  if (device.kind == engine::DeviceKind::cuda)
    engine::require_device_memory(device.index, bytes);
  else
    require_memory("this run", static_cast<double>(bytes), engine::kMemoryAdvice);
}

// A trace is written whole when the run ends, so it never takes the place of another file, nor of the first
// part of its own run's.
void check_trace(const TrainJob& job) {
  const std::string& trace = job.config.run.trace;
  if (trace.empty()) return;
  engine::check_can_write(trace, 0);
  std::error_code error;
  if (!std::filesystem::exists(std::filesystem::symlink_status(trace, error))) return;
  if (job.resumed)
    engine::fail_input(
        "run.trace {}: exists, maybe with the first part of this run; name another file for the rest with "
        "--set run.trace=FILE, or record none with --set run.trace=",
        trace);
  engine::fail_input("run.trace {}: exists and is not replaced; name another file", trace);
}

// Everything that can be wrong, before the configuration is measured or anything is written.
void check_input(const TrainJob& job) {
  require_run_memory(job.config.run, expected_memory(job.config, job.images));
  check_weights(job);
  const std::uint64_t checkpoint_bytes = expected_checkpoint_bytes(job.config, job.images);
  if (job.resumed)
    engine::check_can_write(job.directory.best_checkpoint_path(), checkpoint_bytes);
  else
    job.directory.check_fresh(checkpoint_bytes);
  check_trace(job);
  if (job.config.run.evaluate_samples > 0 && metrics::find_reference_network(job.config.data.set) == nullptr)
    engine::fail_input(
        "run.evaluate_samples = {}: there is no reference network for data.set = \"{}\"; known: {}",
        job.config.run.evaluate_samples, job.config.data.set, metrics::known_reference_networks());
  if (job.initial_distribution.empty()) return;
  if (job.config.objective.energy_weight == 0)
    engine::fail_input(
        "--initial-distribution {}: nothing is sampled with objective.energy_weight = 0; leave it out",
        job.initial_distribution);
  engine::Context context(context_options(job.config.run, job.threads));
  const auto initial = read_initial(context, job, engine::DType::fp32);
  const ebm::ImageShape found = initial->image_shape(), wanted = image_shape(job.images);
  if (!(found == wanted))
    engine::fail_input("--initial-distribution {}: is for images of {}x{}x{}, {} has {}x{}x{}",
                       job.initial_distribution, found.channels, found.height, found.width, job.images.name,
                       wanted.channels, wanted.height, wanted.width);
  if (initial->kind() != job.config.init.kind)
    engine::fail_input(
        "--initial-distribution {}: holds a {} distribution, init.kind is \"{}\"; set init.kind or leave the "
        "file out",
        job.initial_distribution, initial->kind(), job.config.init.kind);
}

}  // namespace mebm::tools

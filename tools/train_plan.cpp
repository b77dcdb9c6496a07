#include "tools/train_plan.h"

#include <algorithm>
#include <cmath>
#include <ctime>

#include <fmt/ranges.h>

#include "ebm/trainer.h"
#include "engine/ops/convolution.h"
#include "report/progress.h"
#include "tools/common_options.h"
#include "tools/config.h"

namespace mebm::tools {
namespace {

constexpr double kDay = 24 * 3600;
constexpr double kLongIteration = 4;  // seconds; longer ones are estimated from a part

std::string finishing_time(double seconds) {
  const std::time_t end = std::time(nullptr) + static_cast<std::time_t>(seconds);
  std::tm local{};
  localtime_r(&end, &local);
  char text[64];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &local);
  return text;
}

// Bytes of what a run keeps.
struct Parts {
  std::uint64_t parameters = 0, buffer = 0;
  std::uint64_t factor_stored = 0, factor_in_memory = 0;  // p0: as drawn with, and fp64 beside it

  std::uint64_t checkpoint() const {
    return 2 * parameters + buffer + factor_stored + (std::uint64_t{1} << 20);
  }
};

Parts sizes_of(const ebm::Config& config, const data::ImageSet& images) {
  const std::uint64_t value = config.run.precision == "fp64" ? 8 : 4;
  const auto d = static_cast<std::uint64_t>(images.image_size());
  Parts parts;
  parts.parameters =
      value *
      static_cast<std::uint64_t>(
          ebm::Trainer::network_config(config.model, images.channels, images.height).parameter_count());
  if (config.objective.energy_weight == 0) return parts;
  parts.buffer = value * d * static_cast<std::uint64_t>(config.buffer.size);
  if (config.init.kind == "gaussian") {
    parts.factor_stored = value * d * d;
    parts.factor_in_memory = (value + 8) * d * d;
  }
  return parts;
}

bool on_device(const ebm::Config& config) {
  return engine::parse_device(config.run.device).kind == engine::DeviceKind::cuda;
}

// Beside the network and its batches. On the host a checkpoint is built in memory and then digested in a
// second copy; a device keeps the whole data set.
std::uint64_t kept_bytes(const ebm::Config& config, const data::ImageSet& images) {
  const Parts parts = sizes_of(config, images);
  if (on_device(config))
    return parts.buffer + 2 * parts.factor_stored + images.pixels.size() +
           images.values.size() * sizeof(float);
  return parts.buffer + parts.factor_in_memory + 2 * parts.checkpoint();
}

// Values of the feature maps that a training pass holds for one image: the inputs of every block's two
// normalisations and, on a device, two convolutions (the host makes those again), those of the last layer,
// and the maps of the largest size on the way back.
std::uint64_t feature_values(const models::WideResNetConfig& network, bool device) {
  const std::uint64_t kept = device ? 2 : 1, on_the_way_back = device ? 1 : 2;
  std::uint64_t pixels = static_cast<std::uint64_t>(network.image_size) * network.image_size;
  std::uint64_t channels = 16, sum = 0, largest = 0;
  for (int stage = 0; stage < network.stages; ++stage)
    for (int block = 0; block < (network.depth - 4) / 6; ++block) {
      const auto out = std::uint64_t{16} * static_cast<unsigned>(network.width) << stage;
      largest = std::max(largest, out * pixels);
      sum += kept * (channels + out) * pixels;
      channels = out;
      if (stage > 0 && block == 0) pixels = (pixels + 3) / 4;
    }
  return sum + 2 * channels * pixels + on_the_way_back * largest;
}

// Channels of the blocks whose convolutions are computed by Winograd's algorithm.
std::vector<int> winograd_channels(const ebm::Config& config, const models::WideResNetConfig& network) {
  std::vector<int> channels;
  if (config.run.precision != "fp32" ||
      engine::parse_device(config.run.device).kind == engine::DeviceKind::cuda)
    return channels;
  for (int stage = 0, size = network.image_size; stage < network.stages; ++stage, size = (size + 1) / 2) {
    const int count = 16 * network.width << stage;
    if (engine::ops::convolution_uses_winograd(convolution_choice(config.run), count, count, size))
      channels.push_back(count);
  }
  return channels;
}

// Weights, gradients, velocities and the weights as the convolutions of each direction read them, and the
// feature maps of positives | chains | labelled images. Winograd's weights are 36 for 9.
std::uint64_t expected_training_bytes(const ebm::Config& config, const data::ImageSet& images) {
  const auto network = ebm::Trainer::network_config(config.model, images.channels, images.height);
  const bool energy = config.objective.energy_weight != 0, classes = config.objective.classifier_weight != 0;
  const std::uint64_t rows = (energy ? 2 * static_cast<std::uint64_t>(config.data.batch_size) : 0) +
                             (classes ? static_cast<std::uint64_t>(config.data.labelled_batch_size) : 0);
  const std::uint64_t value = config.run.precision == "fp64" ? 8 : 4;
  const std::uint64_t feature = config.run.precision == "bf16" ? 2 : value;
  const std::uint64_t sets = winograd_channels(config, network).empty() ? 5 : 3 + 2 * 4;
  return value * sets * static_cast<std::uint64_t>(network.parameter_count()) +
         feature * rows * feature_values(network, on_device(config));
}

// The recipe that shows something within an hour: of the same data set and method, else of the same set, else
// of the same method on CIFAR-10.
std::string small_recipe(const ebm::Config& config) {
  const std::string method =
      config.objective.energy_weight == 0 || config.objective.classifier_weight != 0 ? "mjem" : "mebm";
  const std::vector<std::string> known = recipe_names();
  for (const std::string& name :
       {config.data.set + "-" + method, config.data.set + "-mebm", "cifar10-" + method})
    if (std::find(known.begin(), known.end(), name + "-k5-small") != known.end()) return name + "-k5-small";
  return "";
}

// Passes of one image through the network in an iteration: two for each step of a chain (forward, and back to
// the image), three for each image trained on (forward, and back to images and weights).
double passes(const ebm::Config& config) {
  const double batch = config.objective.energy_weight != 0 ? config.data.batch_size : 0;
  const double labelled = config.objective.classifier_weight != 0 ? config.data.labelled_batch_size : 0;
  return batch * 2 * config.sampler.steps + 3 * (2 * batch + labelled);
}

// "3 images, 3 labelled, 1 step".
std::string described(const ebm::Config& config) {
  std::string text;
  if (config.objective.energy_weight != 0)
    text = fmt::format("{} image{}", config.data.batch_size, config.data.batch_size == 1 ? "" : "s");
  if (config.objective.classifier_weight != 0)
    text += fmt::format("{}{} labelled", text.empty() ? "" : ", ", config.data.labelled_batch_size);
  if (config.objective.energy_weight != 0)
    text += fmt::format(", {} step{}", config.sampler.steps, config.sampler.steps == 1 ? "" : "s");
  return text;
}

// Iterations on a throw-away model and buffer.
struct Trial {
  const data::ImageSet& images;
  std::vector<std::int64_t> indices;
  int threads;
  std::uint64_t peak_bytes = 0;  // of the last measurement

  double seconds(const ebm::Config& measured) {
    ebm::Config trial = measured;
    trial.buffer.size = trial.data.batch_size;
    trial.run.trace.clear();
    trial.optimizer.learning_rate = 0;  // a schedule that diverges is the run's to report, not the trial's
    engine::Context context(context_options(measured.run, threads));
    const ebm::ImageShape shape{images.channels, images.height, images.width};
    double taken = 0;
    {
      ebm::Trainer trainer(context, trial, images, indices,
                           std::make_shared<ebm::UniformInitialDistribution>(context, shape));
      trainer.start_fresh();
      // The first iteration also makes the convolution plans; a slow one is measured well enough by itself.
      taken = trainer.step().seconds;
      if (taken < 1.5 * kLongIteration) taken = trainer.step().seconds;
    }
    peak_bytes = context.arena().peak_bytes();
    return taken;
  }
};

}  // namespace

std::uint64_t expected_checkpoint_bytes(const ebm::Config& config, const data::ImageSet& images) {
  return sizes_of(config, images).checkpoint();
}

std::uint64_t expected_memory(const ebm::Config& config, const data::ImageSet& images) {
  return expected_training_bytes(config, images) + kept_bytes(config, images);
}

TrainPlan measure_plan(const ebm::Config& config, const data::ImageSet& images,
                       std::span<const std::int64_t> indices, int threads, std::int64_t iterations_left) {
  const ebm::TrainingData fits(images, {indices.begin(), indices.end()}, config);
  Trial trial{images, {indices.begin(), indices.end()}, threads};
  TrainPlan plan;
  plan.iterations = iterations_left;
  ebm::Config small = config;
  small.data.batch_size = small.data.labelled_batch_size = 1;
  small.sampler.steps = std::min(1, config.sampler.steps);
  const double one = trial.seconds(small);
  if (one * passes(config) / passes(small) > kLongIteration) {
    // Part of an iteration does not grow with its images: a second point tells how much.
    ebm::Config larger = small;
    const int images_of_run = 1 + static_cast<int>(std::min(16.0, std::ceil(kLongIteration / one)));
    larger.data.batch_size = std::min(images_of_run, config.data.batch_size);
    larger.data.labelled_batch_size = std::min(images_of_run, config.data.labelled_batch_size);
    const double more = trial.seconds(larger), rest = passes(config) - passes(larger);
    const double apart = passes(larger) - passes(small);
    const double each = more > one && apart > 0 ? (more - one) / apart : more / passes(larger);
    plan.seconds_per_iteration = more + each * rest;
    plan.how = fmt::format("estimated from {:.2g} s with {} and {:.2g} s with {}", one, described(small),
                           more, described(larger));
    if (plan.seconds_per_iteration > kLongIteration) return plan;
  }
  plan.seconds_per_iteration = trial.seconds(config);
  plan.how = "measured now";
  plan.memory_measured = true;
  plan.memory_needed = trial.peak_bytes + kept_bytes(config, images);
  return plan;
}

// "AMD EPYC, 2 threads", or the GPU's name.
static std::string processor(const ebm::Config& config, int threads) {
  if (on_device(config)) return engine::device_name(engine::parse_device(config.run.device).index);
  return fmt::format("{}, {} thread{}", engine::cpu_name(), threads, threads == 1 ? "" : "s");
}

// The algorithm of the blocks' convolutions; empty where there is nothing to choose.
static std::string convolution_line(const ebm::Config& config, const models::WideResNetConfig& network) {
  if (config.run.precision != "fp32" ||
      engine::parse_device(config.run.device).kind == engine::DeviceKind::cuda)
    return "";
  const std::vector<int> winograd = winograd_channels(config, network);
  const std::string algorithm = winograd.empty()
                                    ? "direct"
                                    : fmt::format("Winograd for 3x3 at stride 1 of {} channels, else direct",
                                                  fmt::join(winograd, ", "));
  return fmt::format("convolution {} ({})\n", algorithm, config.run.convolution);
}

std::string plan_head(const ebm::Config& config, const data::ImageSet& images, int threads) {
  const auto network = ebm::Trainer::network_config(config.model, images.channels, images.height);
  const std::uint64_t free = on_device(config)
                                 ? engine::device_free_memory(engine::parse_device(config.run.device).index)
                                 : free_memory();
  return fmt::format("model       WRN-{}-{}, {} parameters\n", config.model.depth, config.model.width,
                     network.parameter_count()) +
         fmt::format("device      {}, {}\n", processor(config, threads), config.run.precision) +
         convolution_line(config, network) +
         fmt::format("memory      about {} needed, {} free; {} a checkpoint\n",
                     report::format_bytes(expected_memory(config, images)), report::format_bytes(free),
                     report::format_bytes(expected_checkpoint_bytes(config, images)));
}

std::string plan_text(const ebm::Config& config, const TrainPlan& plan) {
  const double seconds = plan.seconds_per_iteration * static_cast<double>(plan.iterations);
  std::string text =
      fmt::format("speed       {:.3g} s an iteration, {}\n", plan.seconds_per_iteration, plan.how);
  text += fmt::format("time        {} iterations take about {}: done around {}\n", plan.iterations,
                      report::format_duration(seconds), finishing_time(seconds));
  if (const std::string row = published_line(config.published); !row.empty())
    text += fmt::format("published   {}\n", row);
  if (seconds > kDay) {
    const std::string small = small_recipe(config);
    text += fmt::format("note        this takes longer than a day here{}\n",
                        small.empty() ? "" : "; --recipe " + small + " shows something within an hour");
  }
  return text;
}

}  // namespace mebm::tools

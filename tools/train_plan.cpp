#include "tools/train_plan.h"

#include <ctime>
#include <fstream>
#include <numeric>

#include "ebm/trainer.h"
#include "report/progress.h"
#include "tools/config.h"

namespace mebm::tools {
namespace {

constexpr double kDay = 24 * 3600;

std::uint64_t read_number(const char* path) {
  std::ifstream file(path);
  std::uint64_t value = 0;
  return file >> value ? value : ~std::uint64_t{0};
}

std::string finishing_time(double seconds) {
  const std::time_t end = std::time(nullptr) + static_cast<std::time_t>(seconds);
  std::tm local{};
  localtime_r(&end, &local);
  char text[64];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &local);
  return text;
}

// The recipe of the same data set and method that shows something within an hour, if there is one.
std::string small_recipe(const ebm::Config& config) {
  const char* method = config.objective.energy_weight == 0       ? ""
                       : config.objective.classifier_weight == 0 ? "mebm"
                                                                 : "mjem";
  const std::string name = config.data.set + "-" + method + "-k5-small";
  for (const std::string& known : recipe_names())
    if (known == name) return name;
  return "";
}

}  // namespace

std::uint64_t free_memory() {
  std::ifstream file("/proc/meminfo");
  std::uint64_t available = ~std::uint64_t{0};
  for (std::string word; file >> word;)
    if (word == "MemAvailable:" && file >> available) {
      available *= 1024;
      break;
    }
  const std::uint64_t limit = read_number("/sys/fs/cgroup/memory.max");
  const std::uint64_t used = read_number("/sys/fs/cgroup/memory.current");
  if (limit == ~std::uint64_t{0} || used > limit) return available;
  return std::min(available, limit - used);
}

TrainPlan measure_plan(const ebm::Config& config, const data::ImageSet& images, int threads,
                       std::int64_t iterations_left) {
  ebm::Config trial = config;
  trial.buffer.size = config.data.batch_size;
  trial.run.trace.clear();
  trial.optimizer.learning_rate = 0;  // a schedule that diverges is the run's to report, not the trial's
  engine::Context context({{},
                           threads,
                           0,
                           config.run.convolution == "winograd" ? engine::ConvolutionChoice::winograd
                                                                : engine::ConvolutionChoice::automatic});
  const ebm::ImageShape shape{images.channels, images.height, images.width};
  std::vector<std::int64_t> indices(static_cast<std::size_t>(images.count()));
  std::iota(indices.begin(), indices.end(), 0);
  TrainPlan plan;
  {
    ebm::Trainer trainer(context, trial, images, indices,
                         std::make_shared<ebm::UniformInitialDistribution>(context, shape));
    trainer.start_fresh();
    plan.parameters = trainer.model().config().parameter_count();
    // The first iteration also makes the convolution plans; a slow one is measured well enough by itself.
    plan.seconds_per_iteration = trainer.step().seconds;
    if (plan.seconds_per_iteration < 30) plan.seconds_per_iteration = trainer.step().seconds;
  }
  const auto pixel_bytes = static_cast<std::uint64_t>(config.run.precision == "fp64" ? 8 : 4);
  const auto d = static_cast<std::uint64_t>(shape.elements());
  const bool sampling = config.objective.energy_weight != 0;
  const std::uint64_t buffer =
      sampling ? static_cast<std::uint64_t>(config.buffer.size) * d * pixel_bytes : 0;
  const std::uint64_t factor = sampling && config.init.kind == "gaussian" ? d * d * (pixel_bytes + 8) : 0;
  plan.checkpoint_bytes = static_cast<std::uint64_t>(plan.parameters) * 2 * pixel_bytes + buffer +
                          factor * pixel_bytes / (pixel_bytes + 8) + (1u << 20);
  // A checkpoint is built in memory and then digested in a second copy.
  plan.memory_needed = context.arena().peak_bytes() + buffer + factor + 2 * plan.checkpoint_bytes;
  plan.memory_free = free_memory();
  plan.iterations = iterations_left;
  return plan;
}

std::string plan_text(const ebm::Config& config, const TrainPlan& plan, int threads) {
  const double seconds = plan.seconds_per_iteration * static_cast<double>(plan.iterations);
  std::string text;
  text += fmt::format("model       WRN-{}-{}, {} parameters\n", config.model.depth, config.model.width,
                      plan.parameters);
  text += fmt::format("device      {}, {} thread{}, {}\n", engine::cpu_name(), threads,
                      threads == 1 ? "" : "s", config.run.precision);
  text += fmt::format("memory      {} needed, {} free; {} a checkpoint\n",
                      report::format_bytes(plan.memory_needed), report::format_bytes(plan.memory_free),
                      report::format_bytes(plan.checkpoint_bytes));
  text += fmt::format("speed       {:.3g} s an iteration, measured now\n", plan.seconds_per_iteration);
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

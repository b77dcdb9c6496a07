// mebm_engine fit-init: the Gaussian that chains start from, fitted to the training images of a data set.

#include <chrono>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>

#include "data/streams.h"
#include "engine/core/error.h"
#include "engine/ops/elementwise.h"
#include "tools/commands.h"
#include "tools/model_inputs.h"
#include "tools/run_directory.h"

namespace mebm::tools {

using nlohmann::ordered_json;

namespace {

constexpr std::int64_t kTrialDraws = 256;
constexpr std::int64_t kMaxDimension = 65536;  // as the checkpoint format reads
constexpr double kMaxJitter = 10;              // of init.jitter too

struct FitInitOptions {
  ImageSource data;
  std::string out;
  double jitter = 1e-4;
  bool json = false;
  RuntimeOptions runtime;
};

// Share of the components of some draws that the clamp puts at -1 or 1.
double share_at_bound(const ebm::InitialDistribution& initial, Runtime& runtime) {
  const ebm::ImageShape shape = initial.image_shape();
  std::vector<std::uint32_t> slots(kTrialDraws);
  std::iota(slots.begin(), slots.end(), 0u);
  engine::Tensor draws =
      runtime.context.empty({kTrialDraws, shape.channels, shape.height, shape.width}, runtime.dtype);
  initial.draw({runtime.key, engine::RandomPurpose::sample_fill, 0}, slots, true, draws);
  std::vector<double> values(static_cast<std::size_t>(draws.elements()));
  engine::ops::read(draws, values);
  const auto clamped =
      std::count_if(values.begin(), values.end(), [](double v) { return std::fabs(v) >= 1; });
  return static_cast<double>(clamped) / static_cast<double>(values.size());
}

void print_result(const FitInitOptions& o, const data::ImageSet& set, double share, double seconds) {
  if (o.json) {
    const ordered_json out = {{"file", o.out},
                              {"set", set.name},
                              {"dimension", set.image_size()},
                              {"channels", set.channels},
                              {"height", set.height},
                              {"width", set.width},
                              {"count", set.count()},
                              {"jitter", o.jitter},
                              {"draws", kTrialDraws},
                              {"share_at_bound", share},
                              {"seconds", seconds}};
    fmt::print("{}\n", out.dump(2, ' ', false, ordered_json::error_handler_t::replace));
    return;
  }
  fmt::print("{}: Gaussian over D = {} ({}x{}x{}) fitted to {} images of {}, jitter {}\n", o.out,
             set.image_size(), set.channels, set.height, set.width, set.count(), set.name, o.jitter);
  fmt::print("{:.2f} % of the components of {} draws are at the bound -1 or 1\n{:.1f} s\n", 100 * share,
             kTrialDraws, seconds);
}

// Nothing is written yet: a covariance that cannot be factored is bad input.
ebm::GaussianMoments fit(Runtime& runtime, const data::ImageSet& set, std::span<const std::int64_t> indices,
                         double jitter) {
  try {
    return ebm::fit_gaussian(runtime.context, set, indices, jitter);
  } catch (const engine::Error& error) {
    engine::fail_input("--jitter {}: {}", jitter, error.what());
  }
}

int run_fit_init(FitInitOptions& o) {
  const auto began = std::chrono::steady_clock::now();
  require_range("--jitter", o.jitter, 0, kMaxJitter);
  Runtime runtime(o.runtime);
  check_output("--out", o.out, 0, {o.data.path});
  check_hdf5_name("--out", o.out);
  o.data.option = "--data";
  const data::ImageSet set = load_images(o.data);
  const std::int64_t d = set.image_size();
  if (d > kMaxDimension)
    engine::fail_input("{}: images of {}x{}x{} have {} values, a Gaussian takes at most {}", o.data.path,
                       set.channels, set.height, set.width, d, kMaxDimension);
  const double factor_bytes = static_cast<double>(d) * static_cast<double>(d) * sizeof(double);
  // The sums, the factor, its copy for drawing and the file's image.
  require_memory(fmt::format("{}: a Gaussian over {} values", o.data.path, d), 5 * factor_bytes,
                 "use smaller images");
  check_output("--out", o.out, static_cast<std::uint64_t>(factor_bytes), {});
  const std::vector<std::int64_t> indices = data::ascending(set.count());
  const ebm::GaussianInitialDistribution initial(runtime.context, fit(runtime, set, indices, o.jitter),
                                                 runtime.dtype);
  const double share = share_at_bound(initial, runtime);
  ebm::write_initial_distribution(o.out, creation_time(), initial);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
  print_result(o, set, share, seconds.count());
  return 0;
}

}  // namespace

CommandRunner add_fit_init(CLI::App& command) {
  auto o = std::make_shared<FitInitOptions>();
  Options options(command);
  options.required("--data", "DIR|FILE", o->data.path,
                   "folder or archive of a data set, or images file (.h5); its training images are fitted");
  options.required("--out", "FILE", o->out,
                   "initial-distribution file to write (.h5), in float64; replaced if it exists");
  add_set_option(options, o->data.set);
  options.with_default(
      "--jitter", "J", o->jitter,
      "variance added to every pixel's, 0 ... 10 in squared pixel units (images in [-1, 1])");
  options.flag("--json", o->json, "print one JSON object instead of text");
  add_runtime_options(options, o->runtime);
  return [o] { return run_fit_init(*o); };
}

}  // namespace mebm::tools

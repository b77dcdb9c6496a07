// mebm_engine bench step: seconds of a training iteration, the share of them that convolutions need, and the
// same network in PyTorch beside it.

#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include <fmt/format.h>

#include "engine/core/error.h"
#include "measure/comparison.h"
#include "report/progress.h"
#include "tools/bench.h"
#include "tools/common_options.h"
#include "tools/options.h"

namespace mebm::tools {

using engine::fail_input;
using measure::StepFigures;
using nlohmann::ordered_json;

namespace {

struct StepCommand {
  int depth = 28, width = 10, size = 32, k = 5, batch = 64, labelled = 0, iterations = 10, warmup = 2;
  std::optional<double> seconds;
  std::string convolution = "auto";
  RuntimeOptions runtime;
  std::optional<std::string> compare, compile, peer_script;
  std::string peer_mode = "both", python = "python3";
  bool json = false;
};

// A command that was checked.
struct Plan {
  ebm::RunConfig run;
  measure::StepOptions step;
  measure::Extent extent;
  std::vector<std::string> modes;
  std::vector<measure::PeerCommand> peers;
};

constexpr int kMostImages = 65536, kMostIterations = 1000000, kMostSteps = 10000;

void check(const StepCommand& o) {
  require_range("--k", o.k, 0, kMostSteps);
  require_range("--batch", o.batch, 1, kMostImages);
  require_range("--labelled", o.labelled, 0, kMostImages);
  require_range("--iterations", o.iterations, 1, kMostIterations);
  require_range("--warmup", o.warmup, 0, kMostIterations);
  if (o.seconds) require_range("--seconds", *o.seconds, 1e-3, HUGE_VAL);
  if (!o.compare && o.compile) fail_input("--compile concerns the peer; add --compare pytorch");
}

std::vector<std::string> peer_words(const StepCommand& o, const Plan& plan, const std::string& mode) {
  std::vector<std::string> words{o.python, o.peer_script ? *o.peer_script : find_peer_script()};
  const auto add = [&](const char* option, const std::string& value) {
    words.insert(words.end(), {option, value});
  };
  const bool device = plan.step.context.device.kind == engine::DeviceKind::cuda;
  for (const auto& [option, value] : {std::pair{"--depth", o.depth},
                                      {"--width", o.width},
                                      {"--size", o.size},
                                      {"--k", o.k},
                                      {"--batch", o.batch},
                                      {"--labelled", o.labelled},
                                      {"--threads", plan.step.context.threads}})
    add(option, std::to_string(value));
  add("--seed", std::to_string(plan.run.seed));
  add("--mode", mode);
  add("--precision", plan.run.precision);
  add("--device", device ? fmt::format("cuda:{}", plan.step.context.device.index) : "cpu");
  if (o.compile) add("--compile", *o.compile);
  return words;
}

Plan make_plan(const StepCommand& o) {
  check(o);
  Plan plan;
  apply_runtime_options(o.runtime, plan.run);
  plan.run.convolution = o.convolution;
  resolve_precision(plan.run);
  measure::StepOptions& step = plan.step;
  step.depth = o.depth;
  step.width = o.width;
  step.size = o.size;
  step.k = o.k;
  step.batch = o.batch;
  step.labelled = o.labelled;
  step.seed = plan.run.seed;
  step.precision = plan.run.precision;
  step.context = context_options(plan.run, thread_count(plan.run.threads));
  ebm::Config network;
  network.model.depth = o.depth;
  network.model.width = o.width;
  ebm::Trainer::network_config(network.model, 3, o.size).validate();
  plan.extent.iterations = o.iterations;
  plan.extent.warmup = o.warmup;
  if (o.seconds) plan.extent.seconds = *o.seconds;
  if (!o.compare) return plan;
  if (plan.run.precision == "fp64")
    fail_input("--compare pytorch: the peer has fp32, tf32 and bf16, not fp64");
  plan.modes = o.peer_mode == "both" ? std::vector<std::string>{"reference", "tuned"}
                                     : std::vector<std::string>{o.peer_mode};
  for (const std::string& mode : plan.modes)
    plan.peers.push_back(
        {fmt::format("--compare pytorch ({})", mode), peer_words(o, plan, mode), given_environment()});
  return plan;
}

std::string device_text(const Plan& plan) {
  const engine::Device& device = plan.step.context.device;
  return device.kind == engine::DeviceKind::cuda ? engine::device_name(device.index) : engine::cpu_name();
}

ordered_json convolutions_json(const StepFigures& figures) {
  constexpr const char* kDirections[] = {"forward", "backward_data", "backward_weights"};
  ordered_json out = ordered_json::array();
  for (const measure::ConvolutionUse& use : figures.convolutions) {
    const engine::ConvolutionCall& call = use.call;
    out.push_back({{"direction", kDirections[static_cast<int>(call.direction)]},
                   {"input", fmt::format("{}x{}x{}x{}", call.x[0], call.x[1], call.x[2], call.x[3])},
                   {"out_channels", call.weights[0]},
                   {"kernel", call.weights[2]},
                   {"stride", call.stride},
                   {"residual", call.residual},
                   {"count", use.count},
                   {"seconds", use.seconds},
                   {"gigaflops", 2e-9 * use.multiply_adds() / use.seconds}});
  }
  return out;
}

ordered_json to_json(const Plan& plan, const StepFigures& f) {
  const measure::StepOptions& s = plan.step;
  ordered_json out = {
      {"engine", "mebm_engine " MEBM_VERSION},
      {"model", fmt::format("WRN-{}-{}", s.depth, s.width)},
      {"size", s.size},
      {"k", s.k},
      {"batch", s.batch},
      {"labelled", s.labelled},
      {"device", device_text(plan)},
      {"precision", s.precision},
      {"threads", s.context.threads},
      {"seed", s.seed},
      {"iterations", f.times.seconds.size() * static_cast<std::size_t>(f.iterations_together)},
      {"warmup", plan.extent.warmup},
      {"seconds_per_iteration", f.times.median()},
      {"minimum", f.times.minimum()},
      {"peak_bytes", f.peak_bytes},
      {"multiply_adds", measure::total_multiply_adds(f.convolutions)},
      {"floor_seconds", f.floor()},
      {"share_of_floor", f.share_of_floor()},
      {"convolutions", convolutions_json(f)}};
  if (f.peers.empty()) return out;
  out["peers"] = ordered_json::array();
  for (const measure::PeerFigures& peer : f.peers) {
    ordered_json one = ordered_json::parse(peer.report);
    one["seconds_per_iteration"] = peer.times.median();
    one["minimum"] = peer.times.minimum();
    one["iterations"] = out["iterations"];
    one["ratio"] = peer.ratio(f.times);
    one["ratio_of_pairs"] = peer.ratio_of_pairs(f.times);
    one["memory_ratio"] = one.value("peak_bytes", 0.0) / static_cast<double>(f.peak_bytes);
    out["peers"].push_back(std::move(one));
  }
  return out;
}

// Reads the JSON object, so that the two cannot say different things.
std::string table(const ordered_json& all) {
  const auto number = [](const ordered_json& from, const char* key) { return from[key].get<double>(); };
  std::string text =
      fmt::format("{}, {} {}, K = {}, batch {}, {} pixels; {}, {}, {} threads, {} iterations\n\n",
                  all["engine"].get<std::string>(), all["labelled"] == 0 ? "M-EBM" : "M-JEM",
                  all["model"].get<std::string>(), all["k"].dump(), all["batch"].dump(), all["size"].dump(),
                  all["device"].get<std::string>(), all["precision"].get<std::string>(),
                  all["threads"].dump(), all["iterations"].dump());
  constexpr const char* kRow = "{:<30} {:>10} {:>10} {:>10} {:>8} {:>8}\n";
  text += fmt::format(kRow, "seconds an iteration", "median", "minimum", "memory", "ratio", "pairs");
  const auto row = [&](const std::string& name, const ordered_json& from, const std::string& ratio,
                       const std::string& pairs) {
    text += fmt::format(kRow, name, fmt::format("{:.4f}", number(from, "seconds_per_iteration")),
                        fmt::format("{:.4f}", number(from, "minimum")),
                        report::format_bytes(from["peak_bytes"].get<std::uint64_t>()), ratio, pairs);
  };
  row("mebm_engine", all, "", "");
  for (const ordered_json& peer : all.value("peers", ordered_json::array()))
    row(fmt::format("PyTorch {} {}", peer["torch"].get<std::string>(), peer["mode"].get<std::string>()), peer,
        fmt::format("{:.2f}", number(peer, "ratio")), fmt::format("{:.2f}", number(peer, "ratio_of_pairs")));
  text += fmt::format("{:<30} {:>10}\n", "convolutions alone",
                      fmt::format("{:.4f}", number(all, "floor_seconds")));
  text += fmt::format("{:<30} {:>10}\n", "share of this floor",
                      fmt::format("{:.2f}", number(all, "share_of_floor")));
  return text;
}

int run_bench_step(const StepCommand& o) {
  const Plan plan = make_plan(o);
  const ordered_json figures = to_json(plan, measure::measure_step(plan.step, plan.extent, plan.peers));
  fmt::print("{}\n",
             o.json ? figures.dump(2, ' ', false, ordered_json::error_handler_t::replace) : table(figures));
  return 0;
}

}  // namespace

CommandRunner add_bench_step(CLI::App& command) {
  auto o = std::make_shared<StepCommand>();
  Options options(command);
  options.with_default("--depth", "N", o->depth, "depth of the Wide-ResNet, 6n + 4");
  options.with_default("--width", "N", o->width, "its width");
  options.with_default("--size", "PIXELS", o->size, "side of the images; a fourth stage from 64 on");
  options.with_default("--k", "N", o->k, "Langevin steps");
  options.with_default("--batch", "N", o->batch, "positives and chains of an iteration");
  options.with_default("--labelled", "N", o->labelled,
                       "labelled images of an iteration: 128 for M-JEM, 0 for M-EBM");
  options.with_default("--iterations", "N", o->iterations, "iterations to time");
  options.with_default("--warmup", "N", o->warmup, "iterations before them");
  options.optional("--seconds", "S", o->seconds, "start no iteration after so many timed seconds",
                   "no limit");
  add_runtime_options(options, o->runtime);
  options.choice("--convolution", o->convolution, {"auto", "direct", "winograd"},
                 "the engine's convolutions on the CPU, as run.convolution");
  options.choice("--compare", o->compare, {"pytorch"}, "run this peer's iterations in turn with the engine's",
                 "none");
  options.choice("--mode", o->peer_mode, {"reference", "tuned", "both"},
                 "the peer as the method's published code runs, as a careful user would write it, or both");
  options.choice("--compile", o->compile, {"no-cudagraphs", "cudagraphs"}, "let the peer use torch.compile",
                 "eager");
  options.with_default("--python", "PROGRAM", o->python, "the Python that has torch");
  options.optional(
      "--peer-script", "FILE", o->peer_script, "the peer's program",
      "share/mebm_engine/pytorch_step.py of the archive, or bench/peer/pytorch_step.py of the source "
      "tree this program was built in");
  options.flag("--json", o->json, "print one JSON object instead of the table");
  options.footer(
      "An iteration is training's own, on random images held in memory. The floor is the time of its\n"
      "convolutions alone, each at its measured best, times how often it is asked for. Memory is what the\n"
      "process grew by since before the first iteration, on a GPU what was taken from it. See\n"
      "docs/performance.md for how to measure on a machine that others use too.");
  return [o] { return run_bench_step(*o); };
}

}  // namespace mebm::tools

#include "selftest/iterations.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <numeric>

#include "ebm/trainer.h"
#include "engine/ops/elementwise.h"
#include "selftest/side.h"
#include "selftest/small_mjem.h"

namespace mebm::selftest {

namespace {

using State = std::map<std::string, Values>;

// A run on one device, with everything an iteration changes within reach.
class SmallRun {
 public:
  SmallRun(const engine::ContextOptions& context, const ebm::Config& config)
      : context_(context), images_(striped_images()), trainer_(make(config)) {
    trainer_->start_fresh();
  }

  ebm::IterationResult step() { return trainer_->step(); }

  State state() {
    State out;
    visit([&](const std::string& name, engine::Tensor& tensor) { out[name] = get(tensor); });
    const std::vector<std::int32_t>& ages = trainer_->buffer()->ages();
    out["ages"] = Values(ages.begin(), ages.end());
    return out;
  }
  void restart_from(const State& state) {
    visit([&](const std::string& name, engine::Tensor& tensor) { put(state.at(name), tensor); });
    const Values& ages = state.at("ages");
    std::transform(ages.begin(), ages.end(), trainer_->buffer()->ages().begin(),
                   [](double age) { return static_cast<std::int32_t>(age); });
  }

 private:
  template <typename Visit>
  void visit(const Visit& one) {
    const ebm::CheckpointContents contents = trainer_->checkpoint_contents("");
    const auto parameters = trainer_->model().parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      one("weight " + parameters[i]->name, parameters[i]->value);
      one("momentum " + parameters[i]->name, contents.velocities[i]);
    }
    for (const models::NamedBuffer& buffer : trainer_->model().buffers())
      if (buffer.tensor != nullptr) one(buffer.name, *buffer.tensor);
    one("replay buffer", trainer_->buffer()->images());
  }

  std::unique_ptr<ebm::Trainer> make(const ebm::Config& config) {
    std::vector<std::int64_t> indices(static_cast<std::size_t>(images_.count()));
    std::iota(indices.begin(), indices.end(), 0);
    auto initial = std::make_shared<ebm::GaussianInitialDistribution>(
        context_, ebm::fit_gaussian(context_, images_, indices, 1e-2), engine::DType::fp32);
    return std::make_unique<ebm::Trainer>(context_, config, images_, indices, std::move(initial));
  }

  engine::Context context_;
  data::ImageSet images_;
  std::unique_ptr<ebm::Trainer> trainer_;
};

// |a - b| / |b - before| over all weights: the error of the update, in the Euclidean norm.
double update_error(const State& a, const State& b, const State& before) {
  double difference = 0, change = 0;
  for (const auto& [name, values] : b) {
    if (!name.starts_with("weight ")) continue;
    for (std::size_t i = 0; i < values.size(); ++i) {
      difference += std::pow(a.at(name)[i] - values[i], 2);
      change += std::pow(values[i] - before.at(name)[i], 2);
    }
  }
  return change > 0 ? std::sqrt(difference / change) : difference > 0 ? HUGE_VAL : 0;
}

bool same_bits(const State& a, const State& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && x.second.size() == y.second.size() &&
           std::memcmp(x.second.data(), y.second.data(), x.second.size() * sizeof(double)) == 0;
  });
}

// The first is carried out directly, the second captured as a graph, the others launch it.
int iterations(const Options& options) {
  return options.quick ? 4 : 10;
}

engine::ContextOptions on_device(const Options& options) {
  return {.device = options.device, .threads = options.threads};
}

// Each iteration starts from the CPU's state. With slope 1 LeakyReLU has no kink and every gradient agrees to
// rounding; with the usual slope single elements take the other branch, which the whole update's norm bears.
void against_cpu(const Options& options, double leak, double allowed, Result& result) {
  result.output = "weight updates";
  result.tolerance = allowed;
  ebm::Config config = small_mjem(options.seed);
  config.model.leak = leak;
  SmallRun device(on_device(options), config), cpu({.threads = options.threads}, config);
  for (int i = 0; i < iterations(options) && result.failure.empty(); ++i) {
    const State before = cpu.state();
    device.restart_from(before);
    device.step();
    cpu.step();
    State there = device.state();
    if (options.disturb)
      for (auto& [name, values] : there) options.disturb(result.op, values);
    const double error = update_error(there, cpu.state(), before);
    if (!(error <= result.error)) result.error = error;
    if (!(error <= allowed))
      result.failure = fmt::format("the weights' update of iteration {} is off by {:.2e}, beyond {:.0e}", i,
                                   error, allowed);
  }
}

void twice(const Options& options, bool bf16, Result& result) {
  result.output = "whole state";
  if (bf16) result.type = "bf16";
  engine::ContextOptions context = on_device(options);
  context.bf16_features = bf16;
  const ebm::Config config = small_mjem(options.seed);
  SmallRun first(context, config), second(context, config);
  for (int i = 0; i < iterations(options) && result.failure.empty(); ++i) {
    first.step();
    second.step();
    if (!same_bits(first.state(), second.state()))
      result.failure = fmt::format("the states of two runs differ after iteration {}", i);
  }
}

}  // namespace

void run_iterations(const Options& options, const std::function<void(const Result&)>& found) {
  const std::string count = std::to_string(iterations(options)) + " iterations, ";
  const std::pair<std::string, std::function<void(Result&)>> parts[] = {
      {count + "slope 1", [&](Result& result) { against_cpu(options, 1, 1e-4, result); }},
      {count + "slope 0.2", [&](Result& result) { against_cpu(options, 0.2, 5e-2, result); }},
      {count + "twice", [&](Result& result) { twice(options, false, result); }},
      {count + "twice, bf16", [&](Result& result) { twice(options, true, result); }}};
  for (const auto& [op, part] : parts) {
    if (op.find(options.only) == std::string::npos) continue;
    Result result{.op = op, .shape = "WRN-10-1 8x8", .type = "fp32"};
    try {
      part(result);
    } catch (const std::exception& error) {
      result.failure = error.what();
    }
    found(result);
  }
}

}  // namespace mebm::selftest

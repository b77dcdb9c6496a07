// mebm_engine bench: how fast this machine trains, and how fast single operations run.

#include <CLI/CLI.hpp>
#include <memory>
#include <utility>

#include "tools/bench.h"
#include "tools/commands.h"

namespace mebm::tools {

CommandRunner add_bench(CLI::App& command) {
  command.require_subcommand(1);
  using Parts = std::vector<std::pair<CLI::App*, CommandRunner>>;
  auto parts = std::make_shared<Parts>();
  const auto add = [&](const char* name, const char* summary, CommandRunner (*part)(CLI::App&)) {
    CLI::App* app = command.add_subcommand(name, summary);
    parts->emplace_back(app, part(*app));
  };
  add("step", "time training iterations, beside PyTorch's where asked for", add_bench_step);
  add("kernels", "time every operation at the shapes of the recipes", add_bench_kernels);
  return [parts] {
    for (auto& [app, runner] : *parts)
      if (app->parsed()) return runner();
    return 0;
  };
}

}  // namespace mebm::tools

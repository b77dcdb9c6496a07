#pragma once
// The program's commands, one file each. add_<command>() declares its options and returns what runs it.

#include <functional>

namespace CLI {
class App;
}

namespace mebm::tools {

// Runs a parsed command and returns its exit status; throws engine::InputError (2) or engine::Error (1).
using CommandRunner = std::function<int()>;

CommandRunner add_train(CLI::App& command);
CommandRunner add_sample(CLI::App& command);
CommandRunner add_score(CLI::App& command);
CommandRunner add_evaluate(CLI::App& command);
CommandRunner add_analyze(CLI::App& command);
CommandRunner add_fit_init(CLI::App& command);
CommandRunner add_report(CLI::App& command);
CommandRunner add_inspect(CLI::App& command);
CommandRunner add_verify_data(CLI::App& command);
CommandRunner add_selftest(CLI::App& command);
CommandRunner add_bench(CLI::App& command);

}  // namespace mebm::tools

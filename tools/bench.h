#pragma once
// The parts of `bench`, one file each.

#include <string>
#include <vector>

#include "tools/commands.h"

namespace mebm::tools {

CommandRunner add_bench_step(CLI::App& command);
CommandRunner add_bench_kernels(CLI::App& command);

// The variable that main() sets for the program itself, and its value. A peer runs without them.
constexpr const char* kSpinVariable = "GOMP_SPINCOUNT";
constexpr const char* kShortSpin = "20000";

// "NAME=value" of every variable this program was given, without those it set for itself.
std::vector<std::string> given_environment();

// The PyTorch peer's script: beside the program as the archive has it (share/mebm_engine/pytorch_step.py), or
// bench/peer/pytorch_step.py of a source tree the program was built inside. InputError where there is
// neither.
std::string find_peer_script();

}  // namespace mebm::tools

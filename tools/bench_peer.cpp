#include <filesystem>

#include "engine/core/error.h"
#include "tools/bench.h"

extern char** environ;

namespace mebm::tools {

namespace fs = std::filesystem;

std::vector<std::string> given_environment() {
  std::vector<std::string> out;
  const std::string own = std::string(kSpinVariable) + "=" + kShortSpin;
  for (char** variable = environ; *variable != nullptr; ++variable)
    if (own != *variable) out.emplace_back(*variable);
  return out;
}

std::string find_peer_script() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  const fs::path installed = program.parent_path().parent_path() / "share/mebm_engine/pytorch_step.py";
  if (fs::is_regular_file(installed, error)) return installed;
  for (fs::path folder = program.parent_path(); folder.has_relative_path(); folder = folder.parent_path())
    if (fs::path script = folder / "bench/peer/pytorch_step.py"; fs::is_regular_file(script, error))
      return script;
  engine::fail_input(
      "--compare pytorch: pytorch_step.py is neither at {} nor in bench/peer of a folder above {}; name it "
      "with "
      "--peer-script",
      installed.string(), program.string());
}

}  // namespace mebm::tools

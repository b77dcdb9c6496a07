// The emulated machine of a program as MEBM_EMULATED_MACHINE describes it: words KEY=VALUE, see kKeys.

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>

#include "kernels/emulator/emulated_runtime.h"

namespace mebm::test {
namespace {

using kernels::emulator::Machine;
using kernels::runtime::DriverFailure;

const std::map<std::string, std::function<void(Machine&, const std::string&)>> kKeys = {
    {"capability",
     [](Machine& m, const std::string& value) {
       m.major = std::stoi(value) / 10;
       m.minor = std::stoi(value) % 10;
     }},
    {"oldest_capability",
     [](Machine& m, const std::string& value) { m.oldest_capability = std::stoi(value); }},
    {"devices", [](Machine& m, const std::string& value) { m.devices = std::stoi(value); }},
    {"memory", [](Machine& m, const std::string& value) { m.memory_bytes = std::stoull(value); }},
    {"driver", [](Machine& m, const std::string& value) { m.driver_version = std::stoi(value); }},
    {"runtime", [](Machine& m, const std::string& value) { m.runtime_version = std::stoi(value); }},
    {"launch_failure",
     [](Machine& m, const std::string& value) { m.launch_failure = [value] { return value; }; }},
    // Launches and allocations fail as soon as this file is there.
    {"launch_failure_with",
     [](Machine& m, const std::string& file) {
       m.launch_failure = [file] { return std::filesystem::exists(file) ? "an_error" : ""; };
     }},
    {"driver_failure",
     [](Machine& m, const std::string& value) {
       const std::map<std::string, DriverFailure> names = {{"stub_library", DriverFailure::stub_library},
                                                           {"too_old", DriverFailure::too_old},
                                                           {"other", DriverFailure::other}};
       m.driver_failure = names.at(value);
     }},
    {"no_memory_with",
     [](Machine& m, const std::string& file) {
       m.refuses_memory = [file] { return std::filesystem::exists(file); };
     }},
};

const bool kDescribed = [] {
  const char* words = std::getenv("MEBM_EMULATED_MACHINE");
  std::istringstream in(words == nullptr ? "" : words);
  for (std::string word; in >> word;) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) throw std::runtime_error("MEBM_EMULATED_MACHINE: " + word);
    kKeys.at(word.substr(0, equals))(kernels::emulator::machine(), word.substr(equals + 1));
  }
  return true;
}();

}  // namespace
}  // namespace mebm::test

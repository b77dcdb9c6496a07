// mebm_engine <command>: parses the command line, runs the command, turns errors into one line and an exit
// status.

#include <sched.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/error.h"
#include "engine/device/device.h"
#include "tools/bench.h"
#include "tools/commands.h"
#include "tools/nearest.h"
#include "tools/options.h"

namespace {

constexpr int kRunFailed = 1, kBadInput = 2;

struct CommandEntry {
  const char* name;
  const char* summary;
  mebm::tools::CommandRunner (*add)(CLI::App&);
};

constexpr CommandEntry kCommands[] = {
    {"train", "train a model into a run directory", mebm::tools::add_train},
    {"sample", "run Langevin chains of a stored model", mebm::tools::add_sample},
    {"score", "write energies, logits, features and input gradients of images", mebm::tools::add_score},
    {"evaluate",
     "judge a stored model: accuracy, calibration, distances of its samples, separation from other sets",
     mebm::tools::add_evaluate},
    {"analyze", "draw what a model has learned: t-SNE, energies, extremes, class centres",
     mebm::tools::add_analyze},
    {"report", "write an HTML page of one training run or several", mebm::tools::add_report},
    {"fit-init", "fit the Gaussian that chains start from to a data set", mebm::tools::add_fit_init},
    {"inspect", "show what a checkpoint or another HDF5 file holds", mebm::tools::add_inspect},
    {"verify-data", "compare the files of a data set with the official ones", mebm::tools::add_verify_data},
    {"selftest", "compare every operation of a device with the CPU's, and measure it",
     mebm::tools::add_selftest},
    {"bench", "time training iterations and single operations", mebm::tools::add_bench},
};

int report(int status, const std::string& message) {
  std::fprintf(stderr, "mebm_engine: %s\n", message.c_str());
  return status;
}

// One line for a command line CLI11 refused; `command` is "" where none was named.
std::string usage_message(const CLI::ParseError& error, const std::string& command) {
  std::string text = error.what();
  for (char& c : text)
    if (c == '\n') c = ' ';
  const std::string option = text.substr(0, text.find(':'));
  if (text.find("At Most 1 required") != std::string::npos)
    text = option + " is given more than once; give it once";
  else if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr)
    text = option + " needs a value";
  else if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr)
    text = "more words than the command takes: " + text.substr(text.rfind(':') + 2);
  return text + "; see mebm_engine" + (command.empty() ? "" : " " + command) + " --help";
}

std::string unknown_command(const std::string& word) {
  std::vector<std::string> names;
  for (const CommandEntry& entry : kCommands) names.emplace_back(entry.name);
  const std::string hint = mebm::tools::did_you_mean(word, names);
  return "unknown command '" + word + "'" + hint + (hint.empty() ? "; see" : " See") + " mebm_engine --help";
}

bool is_command(const std::string& word) {
  for (const CommandEntry& entry : kCommands)
    if (word == entry.name) return true;
  return false;
}

// The part of a command that has parts ("bench step"), or the command; an unknown part is refused.
const CLI::App& part_of(const CLI::App& command, int argc, char** argv) {
  const auto parts = command.get_subcommands([](const CLI::App*) { return true; });
  if (parts.empty()) return command;
  const std::string word = argc > 2 ? argv[2] : "";
  if (word == "-h" || word == "--help") return command;
  std::vector<std::string> names;
  std::string known;
  for (const CLI::App* part : parts) {
    if (word == part->get_name()) return *part;
    names.push_back(part->get_name());
    known += (known.empty() ? "" : ", ") + part->get_name();
  }
  const std::string name = command.get_name();
  if (word.empty() || word[0] == '-')
    throw mebm::engine::InputError(name + " needs to know what, right after it: " + known +
                                   "; see mebm_engine " + name + " --help");
  throw mebm::engine::InputError("unknown " + name + " '" + word + "'; known: " + known +
                                 mebm::tools::did_you_mean(word, names));
}

// The first word that looks like an option and is none of the command's, with the nearest one; "" if there is
// none. Checked before parsing, so that a misspelt option is not reported as a missing one.
std::string unknown_option(const CLI::App& command, int argc, char** argv) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  for (int i = 2; i < argc; ++i) {
    const std::string given = argv[i], word = given.substr(0, given.find('='));
    if (word == "--") return "";
    if (!word.starts_with("--") || std::find(names.begin(), names.end(), word) != names.end()) continue;
    const std::string hint = mebm::tools::did_you_mean(word, names);
    return "unknown option '" + word + "'" + hint + (hint.empty() ? "; see" : " See") + " mebm_engine " +
           mebm::tools::full_name(command) + " --help";
  }
  return "";
}

int run(int argc, char** argv) {
  CLI::App app{"Energy-based models trained with a few steps of Langevin sampling (M-EBM, M-JEM).",
               "mebm_engine"};
  app.set_version_flag("--version", "mebm_engine " MEBM_VERSION, "print the version and exit");
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  app.set_help_flag("-h,--help", "print this help and exit");
  std::vector<std::pair<CLI::App*, mebm::tools::CommandRunner>> runners;
  for (const CommandEntry& entry : kCommands) {
    CLI::App* command = app.add_subcommand(entry.name, entry.summary);
    runners.emplace_back(command, entry.add(*command));
  }
  const std::string first = argc > 1 ? argv[1] : "";
  if (first.empty()) return report(kBadInput, "no command given; see mebm_engine --help");
  if (first[0] == '-' && first != "--help" && first != "-h" && first != "--version")
    return report(kBadInput, "the command comes first: mebm_engine <command> " + first +
                                 " ...; mebm_engine --help lists the commands");
  if (first[0] != '-' && !is_command(first)) return report(kBadInput, unknown_command(first));
  std::string asked;
  if (is_command(first)) {
    const CLI::App& command = part_of(*app.get_subcommand(first), argc, argv);
    asked = mebm::tools::full_name(command);
    const std::string problem = unknown_option(command, argc, argv);
    if (!problem.empty()) return report(kBadInput, problem);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& request) {
    return app.exit(request);
  } catch (const CLI::CallForVersion& request) {
    return app.exit(request);
  } catch (const CLI::ParseError& error) {
    return report(kBadInput, usage_message(error, asked));
  }
  for (auto& [command, runner] : runners)
    if (command->parsed()) return runner();
  return report(kBadInput, "no command given; see mebm_engine --help");
}

}  // namespace

// OpenMP's threads wait for work by spinning for about a millisecond, which on a machine that other processes
// use too slows everybody down several times. The run-time reads its settings when it is loaded, so a process
// that nobody has told otherwise starts itself once more with a short spin.
void wait_politely(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr || std::getenv(mebm::tools::kSpinVariable) != nullptr) return;
  setenv(mebm::tools::kSpinVariable, mebm::tools::kShortSpin, 1);
  // A run-time that binds threads has bound this one by now.
  const cpu_set_t processors = mebm::engine::allowed_processors();
  sched_setaffinity(0, sizeof processors, &processors);
  execv("/proc/self/exe", argv);  // returns only where it failed; the program then runs as it is
}

int main(int argc, char** argv) {
  wait_politely(argv);
  std::signal(SIGXFSZ, SIG_IGN);  // a file-size limit is reported like a full disk
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return run(argc, argv);
  } catch (const mebm::engine::InputError& error) {
    return report(kBadInput, error.what());
  } catch (const mebm::engine::OutOfMemory& error) {
    return report(kBadInput,
                  error.what());  // before anything was written: commands write what they have made
  } catch (const std::bad_alloc&) {
    return report(kRunFailed, std::string("out of memory; ") + mebm::engine::kMemoryAdvice);
  } catch (const std::exception& error) {
    return report(kRunFailed, error.what());
  }
}

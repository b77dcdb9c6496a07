#pragma once
// A command's options, declared without the parser's header (which is slow to compile).

#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace mebm::tools {

// A command as it is typed: "train", "bench step".
std::string full_name(const CLI::App& command);

// Declares options of one command. `name` is what is typed ("--count"; without dashes: a positional
// argument), `value` is what --help shows in its place, `help` one sentence with the unit. Values are int,
// std::int64_t, std::uint64_t, double and std::string; the targets must live until the command has run.
class Options {
 public:
  explicit Options(CLI::App& app) : app_(app) {}

  // Every value is checked while the command line is read: InputError names the option and the text where a
  // number is none or does not fit its type, or a text is empty.
  template <typename T>
  void required(const std::string& name, const std::string& value, T& target, const std::string& help);
  // --help shows the target's present value as the default.
  template <typename T>
  void with_default(const std::string& name, const std::string& value, T& target, const std::string& help);
  // Empty unless given; `otherwise` tells --help what holds then.
  template <typename T>
  void optional(const std::string& name, const std::string& value, std::optional<T>& target,
                const std::string& help, const std::string& otherwise);
  // May be given any number of times.
  void repeated(const std::string& name, const std::string& value, std::vector<std::string>& target,
                const std::string& help);
  // Words without an option's name, one at least.
  void required_list(const std::string& name, const std::string& value, std::vector<std::string>& target,
                     const std::string& help);
  void flag(const std::string& name, bool& target, const std::string& help);
  // One of a few words; another one is refused with the nearest.
  void choice(const std::string& name, std::string& target, const std::vector<std::string>& words,
              const std::string& help);
  void choice(const std::string& name, std::optional<std::string>& target,
              const std::vector<std::string>& words, const std::string& help, const std::string& otherwise);

  // Another name of an option, which --help does not show.
  void hidden_alias(const std::string& name, std::optional<std::string>& target);

  // Text after the options in --help.
  void footer(const std::string& text);

 private:
  CLI::App& app_;
};

}  // namespace mebm::tools

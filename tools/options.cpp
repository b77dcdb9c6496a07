#include "tools/options.h"

#include <CLI/CLI.hpp>
#include <cstdint>

#include <fmt/format.h>

#include "tools/nearest.h"

namespace mebm::tools {
namespace {

std::string join(const std::vector<std::string>& words, const char* separator) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : separator) + word;
  return text;
}

CLI::Validator one_of(const std::vector<std::string>& words) {
  const auto check = [words](std::string& given) -> std::string {
    for (const std::string& word : words)
      if (word == given) return "";
    return fmt::format("'{}' is unknown; known: {}; did you mean '{}'?", given, join(words, ", "),
                       nearest(given, words));
  };
  return CLI::Validator(check, "", "");
}

template <typename T>
CLI::Option* add_optional(CLI::App& app, const std::string& name, std::optional<T>& target,
                          const std::string& help, const std::string& otherwise) {
  const auto store = [&target](const T& given) { target = given; };
  return app.add_option_function<T>(name, store, fmt::format("{} (default: {})", help, otherwise));
}

}  // namespace

template <typename T>
void Options::required(const std::string& name, const std::string& value, T& target,
                       const std::string& help) {
  app_.add_option(name, target, help)->required()->type_name(value);
}

template <typename T>
void Options::with_default(const std::string& name, const std::string& value, T& target,
                           const std::string& help) {
  app_.add_option(name, target, fmt::format("{} (default: {})", help, target))->type_name(value);
}

template <typename T>
void Options::optional(const std::string& name, const std::string& value, std::optional<T>& target,
                       const std::string& help, const std::string& otherwise) {
  add_optional(app_, name, target, help, otherwise)->type_name(value);
}

void Options::repeated(const std::string& name, const std::string& value, std::vector<std::string>& target,
                       const std::string& help) {
  app_.add_option(name, target, help + " (default: none)")->take_all()->type_name(value);
}

void Options::footer(const std::string& text) {
  app_.footer(text);
}

void Options::flag(const std::string& name, bool& target, const std::string& help) {
  app_.add_flag(name, target, help + " (default: off)");
}

void Options::choice(const std::string& name, std::string& target, const std::vector<std::string>& words,
                     const std::string& help) {
  app_.add_option(name, target, fmt::format("{} (default: {})", help, target))
      ->check(one_of(words))
      ->type_name(join(words, "|"));
}

void Options::choice(const std::string& name, std::optional<std::string>& target,
                     const std::vector<std::string>& words, const std::string& help,
                     const std::string& otherwise) {
  add_optional(app_, name, target, help, otherwise)->check(one_of(words))->type_name(join(words, "|"));
}

#define MEBM_INSTANTIATE_OPTIONS(T)                                                                    \
  template void Options::required(const std::string&, const std::string&, T&, const std::string&);     \
  template void Options::with_default(const std::string&, const std::string&, T&, const std::string&); \
  template void Options::optional(const std::string&, const std::string&, std::optional<T>&,           \
                                  const std::string&, const std::string&);
MEBM_INSTANTIATE_OPTIONS(int)
MEBM_INSTANTIATE_OPTIONS(std::int64_t)
MEBM_INSTANTIATE_OPTIONS(std::uint64_t)
MEBM_INSTANTIATE_OPTIONS(double)
MEBM_INSTANTIATE_OPTIONS(std::string)
#undef MEBM_INSTANTIATE_OPTIONS

}  // namespace mebm::tools

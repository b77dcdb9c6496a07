#include "tools/options.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdint>
#include <functional>
#include <limits>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "engine/core/error.h"
#include "tools/nearest.h"

namespace mebm::tools {

std::string full_name(const CLI::App& command) {
  const CLI::App* parent = command.get_parent();
  if (parent == nullptr) return "";  // the program
  const std::string before = full_name(*parent);
  return before + (before.empty() ? "" : " ") + command.get_name();
}

namespace {

using engine::fail_input;

[[noreturn]] void fail_number(const CLI::App& app, const std::string& name, const std::string& given,
                              const std::string& what) {
  fail_input("{} {} {}; see mebm_engine {} --help", name, given, what, full_name(app));
}

// The whole of `given` as a number of type T. InputError where it is none, or one that T does not hold.
template <typename T>
T parse_number(const CLI::App& app, const std::string& name, const std::string& given) {
  constexpr bool kReal = std::is_floating_point_v<T>;
  // Seeds are the only unsigned values; they are stored in TOML, whose integers end here.
  constexpr bool kUnsigned = std::is_unsigned_v<T>;
  const char* begin = given.data() + (given.starts_with('+') ? 1 : 0);
  const char* end = given.data() + given.size();
  std::conditional_t<kUnsigned, std::int64_t, T> value{};
  const auto [rest, error] = std::from_chars(begin, end, value);
  if (error == std::errc::invalid_argument || rest != end)
    fail_number(app, name, given.empty() ? "''" : given, kReal ? "is no number" : "is no integer");
  if (kUnsigned && (error == std::errc::result_out_of_range || value < 0))
    fail_number(app, name, given,
                fmt::format("is outside 0 ... {}", std::numeric_limits<std::int64_t>::max()));
  if (error == std::errc::result_out_of_range)
    fail_number(app, name, given,
                kReal ? std::string("is outside the range of numbers")
                      : fmt::format("is outside {} ... {}", std::numeric_limits<T>::min(),
                                    std::numeric_limits<T>::max()));
  return static_cast<T>(value);
}

std::string parse_text(const std::string& name, const std::string& given) {
  if (given.empty()) fail_input("{} '' is empty; give a value", name);
  return given;
}

// What takes the text given for an option, and so decides about it.
template <typename T>
std::function<void(const std::string&)> take(const CLI::App& app, const std::string& name,
                                             std::function<void(T)> store) {
  return [&app, name, store](const std::string& given) {
    if constexpr (std::is_same_v<T, std::string>)
      store(parse_text(name, given));
    else
      store(parse_number<T>(app, name, given));
  };
}

template <typename T>
CLI::Option* add(CLI::App& app, const std::string& name, std::function<void(T)> store,
                 const std::string& help) {
  return app.add_option_function<std::string>(name, take<T>(app, name.substr(0, name.find(',')), store),
                                              help);
}

std::string join(const std::vector<std::string>& words, const char* separator) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : separator) + word;
  return text;
}

CLI::Validator one_of(const std::vector<std::string>& words) {
  const auto check = [words](std::string& given) -> std::string {
    for (const std::string& word : words)
      if (word == given) return "";
    return fmt::format("'{}' is unknown; known: {}{}", given, join(words, ", "), did_you_mean(given, words));
  };
  return CLI::Validator(check, "", "");
}

template <typename T>
CLI::Option* add_optional(CLI::App& app, const std::string& name, std::optional<T>& target,
                          const std::string& help, const std::string& otherwise) {
  return add<T>(
      app, name, [&target](T given) { target = std::move(given); },
      fmt::format("{} (default: {})", help, otherwise));
}

}  // namespace

template <typename T>
void Options::required(const std::string& name, const std::string& value, T& target,
                       const std::string& help) {
  const auto store = [&target](T given) { target = std::move(given); };
  add<T>(app_, name, store, help)->required()->type_name(value);
}

template <typename T>
void Options::with_default(const std::string& name, const std::string& value, T& target,
                           const std::string& help) {
  const auto store = [&target](T given) { target = std::move(given); };
  add<T>(app_, name, store, fmt::format("{} (default: {})", help, target))->type_name(value);
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

void Options::required_list(const std::string& name, const std::string& value,
                            std::vector<std::string>& target, const std::string& help) {
  app_.add_option(name, target, help)->required()->type_name(value);
}

void Options::hidden_alias(const std::string& name, std::optional<std::string>& target) {
  add_optional(app_, name, target, "", "")->group("");
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

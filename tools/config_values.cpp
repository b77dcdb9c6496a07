// What the table of keys says about one value: its type, its text, whether it is allowed.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tools/config_keys.h"
#include "tools/nearest.h"

namespace mebm::tools {
namespace {

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

std::string quote(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      quoted += fmt::format("\\u{:04X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

// Fewest digits that read back as the same double; always recognisable as a float.
std::string float_text(double value) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  std::string text(digits, end);
  if (std::isfinite(value) && text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string value_to_text(bool value) {
  return value ? "true" : "false";
}
std::string value_to_text(int value) {
  return fmt::format("{}", value);
}
std::string value_to_text(std::uint64_t value) {
  return fmt::format("{}", value);
}
std::string value_to_text(double value) {
  return float_text(value);
}
std::string value_to_text(const std::string& value) {
  return quote(value);
}
std::string value_to_text(const std::vector<int>& value) {
  return fmt::format("[{}]", fmt::join(value, ", "));
}

std::string number_text(double value) {
  return fmt::format("{:.16g}", value);
}

std::string range_text(const Range& range) {
  if (std::isfinite(range.minimum) && std::isfinite(range.maximum))
    return fmt::format("{} to {}", number_text(range.minimum), number_text(range.maximum));
  if (std::isfinite(range.minimum))
    return fmt::format("{} {}", range.above ? ">" : ">=", number_text(range.minimum));
  return "";
}

// The largest integer TOML can hold, and so the largest seed.
constexpr std::uint64_t kLargestInteger = std::numeric_limits<std::int64_t>::max();

bool in_range(double value, const Range& range) {
  return std::isfinite(value) && value <= range.maximum &&
         (range.above ? value > range.minimum : value >= range.minimum);
}

std::string check_text(const Key& key, const std::string& value) {
  if (key.values.empty()) return "";
  if (std::find(key.values.begin(), key.values.end(), value) != key.values.end()) return "";
  const std::string known = fmt::format("{}", fmt::join(key.values, ", "));
  for (const std::string& later : key.later)
    if (value == later || value.rfind(later + ":", 0) == 0)
      return fmt::format("{} = {} is not available in this version; known: {}", key.full_name(), quote(value),
                         known);
  const std::string near = nearest(value, key.values);
  if (near.empty())
    return fmt::format("{} = {} is not a known value; known: {}", key.full_name(), quote(value), known);
  return fmt::format("{} = {} is not a known value; nearest: {} (known: {})", key.full_name(), quote(value),
                     near, known);
}

}  // namespace

std::string type_name(const Key& key) {
  return std::visit(
      Overloaded{[](Access<bool>) { return "true or false"; }, [](Access<int>) { return "integer"; },
                 [](Access<std::uint64_t>) { return "integer"; }, [](Access<double>) { return "number"; },
                 [](Access<std::string>) { return "text"; },
                 [](Access<std::vector<int>>) { return "list of integers"; }},
      key.field);
}

std::string allowed_text(const Key& key) {
  if (!key.values.empty()) return fmt::format("{}", fmt::join(key.values, ", "));
  if (std::holds_alternative<Access<std::uint64_t>>(key.field))
    return fmt::format("0 to {}", kLargestInteger);
  return range_text(key.range);
}

std::string value_text(const Key& key, const ebm::Config& config) {
  ebm::Config copy = config;
  return std::visit([&](auto access) { return value_to_text(access(copy)); }, key.field);
}

std::string check_value(const Key& key, const ebm::Config& config) {
  ebm::Config copy = config;
  const bool bounded = !std::holds_alternative<Access<double>>(key.field) || std::isfinite(key.range.maximum);
  const char* finite = bounded ? "" : ", finite";
  const auto allowed = [&](bool ok) {
    return ok ? std::string()
              : fmt::format("{} = {} is out of range; allowed: {}{}", key.full_name(),
                            value_text(key, config), allowed_text(key), finite);
  };
  return std::visit(
      Overloaded{[](Access<bool>) { return std::string(); },
                 [&](Access<int> access) { return allowed(in_range(access(copy), key.range)); },
                 [&](Access<std::uint64_t> access) { return allowed(access(copy) <= kLargestInteger); },
                 [&](Access<double> access) { return allowed(in_range(access(copy), key.range)); },
                 [&](Access<std::string> access) { return check_text(key, access(copy)); },
                 [&](Access<std::vector<int>> access) {
                   const std::vector<int>& list = access(copy);
                   return allowed(
                       std::all_of(list.begin(), list.end(), [&](int v) { return in_range(v, key.range); }));
                 }},
      key.field);
}

std::string unknown_section(std::string_view section) {
  const std::string near = nearest(section, all_sections());
  if (near.empty())
    return fmt::format("unknown section [{}]; known: {}", section, fmt::join(all_sections(), ", "));
  return fmt::format("unknown section [{}]; nearest known section: [{}] (known: {})", section, near,
                     fmt::join(all_sections(), ", "));
}

std::string unknown_key(std::string_view section, std::string_view name) {
  const std::string full = section.empty() ? std::string(name) : fmt::format("{}.{}", section, name);
  std::vector<std::string> candidates;
  std::vector<std::string> same_name;
  for (const Key& key : all_keys()) {
    candidates.push_back(key.full_name());
    if (key.name == name) same_name.push_back(key.full_name());
  }
  std::string near = nearest(full, same_name.empty() ? candidates : same_name);
  if (near.empty() && !same_name.empty()) near = same_name.front();
  if (near.empty()) return fmt::format("unknown key '{}'; mebm_engine train --help lists the keys", full);
  return fmt::format("unknown key '{}'; nearest known key: {}", full, near);
}

}  // namespace mebm::tools

#pragma once
// The table of keys behind tools/config.h; only its implementation files include this.

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ebm/config.h"

namespace mebm::tools {

template <typename T>
using Access = T& (*)(ebm::Config&);

using Field = std::variant<Access<bool>, Access<int>, Access<std::uint64_t>, Access<double>,
                           Access<std::string>, Access<std::vector<int>>>;

// Allowed numbers (of each element for a list). `above` excludes the minimum itself.
struct Range {
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  bool above = false;
};

struct Key {
  std::string section;
  std::string name;
  Field field;
  Range range;
  std::vector<std::string> values;  // allowed texts; empty: any
  std::vector<std::string> later;   // texts the file format reserves that this version cannot do
  std::string unit;
  std::string help;

  // False for keys that the file format has and this version refuses by name; documentation leaves them out.
  bool documented = true;

  std::string full_name() const { return section + "." + name; }
};

inline constexpr std::string_view kPublishedSection = "published";

// Every key in the order of the file; the section `published` comes last.
const std::vector<Key>& all_keys();

// Sections in the order of the file.
const std::vector<std::string>& all_sections();

const Key* find_key(std::string_view section, std::string_view name);

// "integer", "number", "text", "true or false", "list of integers".
std::string type_name(const Key& key);

// "gaussian, uniform" or ">= 0" or "1 to 128"; "" if anything goes.
std::string allowed_text(const Key& key);

// The key's value in `config` as TOML.
std::string value_text(const Key& key, const ebm::Config& config);

// Why the key's value in `config` is not allowed, starting with "section.key = value"; "" if it is.
std::string check_value(const Key& key, const ebm::Config& config);

// "unknown key 'a.b'; nearest known key: c.d" (or the same for a section).
std::string unknown_key(std::string_view section, std::string_view name);
std::string unknown_section(std::string_view section);

}  // namespace mebm::tools

// TOML text and --set assignments into ebm::Config.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "engine/core/error.h"
#include "tools/config.h"
#include "tools/config_keys.h"
#include "tools/recipes.h"

namespace mebm::tools {
namespace {

using engine::fail_input;

std::string kind_of(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "text";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

// Each reads a node into the type of the field; false if the node is of another kind.
bool read(const toml::node& node, bool& value) {
  const std::optional<bool> found = node.value_exact<bool>();
  if (found) value = *found;
  return found.has_value();
}

bool read(const toml::node& node, double& value) {
  if (!node.is_number()) return false;
  value = *node.value<double>();
  return true;
}

bool read(const toml::node& node, std::string& value) {
  const std::optional<std::string> found = node.value_exact<std::string>();
  if (found) value = *found;
  return found.has_value();
}

template <typename Integer>
bool read(const toml::node& node, Integer& value) {
  const std::optional<std::int64_t> found = node.value_exact<std::int64_t>();
  if (!found || !std::in_range<Integer>(*found)) return false;
  value = static_cast<Integer>(*found);
  return true;
}

bool read(const toml::node& node, std::vector<int>& value) {
  const toml::array* list = node.as_array();
  if (list == nullptr) return false;
  std::vector<int> numbers;
  for (const toml::node& element : *list) {
    int number = 0;
    if (!read(element, number)) return false;
    numbers.push_back(number);
  }
  value = std::move(numbers);
  return true;
}

// "an integer", "text", "a list of integers such as [60, 120, 180]".
std::string expected(const Key& key) {
  const std::string type = type_name(key);
  if (type == "list of integers") return "a list of integers such as [60, 120, 180]";
  if (type == "integer") return "an integer";
  if (type == "number") return "a number";
  return type;
}

// What a node is; of a list, what its first element that is no int is.
std::string found_kind(const toml::node& node) {
  const toml::array* list = node.as_array();
  if (list == nullptr) return kind_of(node);
  for (const toml::node& element : *list)
    if (int number = 0; !read(element, number))
      return element.is_integer() ? "a list with an integer that is too large"
                                  : fmt::format("a list with {}", kind_of(element));
  return kind_of(node);
}

void assign(ebm::Config& config, const Key& key, const toml::node& node, const std::string& where) {
  const bool understood = std::visit([&](auto access) { return read(node, access(config)); }, key.field);
  if (!understood) {
    const bool too_large = node.is_integer() && type_name(key) == "integer";
    if (too_large)
      fail_input("{}: {} = {} is out of range; allowed: {}", where, key.full_name(),
                 *node.value<std::int64_t>(), allowed_text(key));
    fail_input("{}: {} expects {}, not {}", where, key.full_name(), expected(key), found_kind(node));
  }
  const std::string problem = check_value(key, config);
  if (!problem.empty()) fail_input("{}: {}", where, problem);
}

std::string position(const std::string& source, const toml::source_region& region) {
  return fmt::format("{}:{}:{}", source, region.begin.line, region.begin.column);
}

toml::table parse(std::string_view text, const std::string& source) {
  try {
    return toml::parse(text, source);
  } catch (const toml::parse_error& error) {
    fail_input("{}: not valid TOML: {}", position(source, error.source()), error.description());
  }
}

// Whether the text sets every key of every section but [published].
bool is_complete(const toml::table& root) {
  for (const Key& key : all_keys()) {
    if (key.section == kPublishedSection) continue;
    const toml::table* section = root[key.section].as_table();
    if (section == nullptr || !section->contains(key.name)) return false;
  }
  return true;
}

// Starts `config` from the recipe that the text names at its top, if it names one.
void apply_base(ebm::Config& config, const toml::table& root, const std::string& source) {
  const toml::node* node = root.get("recipe");
  if (node == nullptr) return;
  const std::string where = position(source, node->source());
  const std::optional<std::string> name = node->value_exact<std::string>();
  if (!name) fail_input("{}: recipe expects text, not {}", where, kind_of(*node));
  if (*name == config.recipe) return;
  if (!config.recipe.empty())
    fail_input("{}: the file builds on recipe '{}' but recipe '{}' was asked for; give one of them", where,
               *name, config.recipe);
  if (is_complete(root)) {
    config = ebm::Config();
    config.recipe = *name;
    return;
  }
  try {
    config = load_recipe(*name);
  } catch (const engine::InputError& error) {
    fail_input("{}: {}", where, error.what());
  }
}

void apply_section(ebm::Config& config, std::string_view section, const toml::table& table,
                   const std::string& source) {
  if (section == kPublishedSection) {
    config.published = ebm::PublishedRow();
    config.published.present = true;
  }
  for (const auto& [name, node] : table) {
    const std::string where = position(source, node.source());
    const Key* key = find_key(section, name.str());
    if (key == nullptr) fail_input("{}: {}", where, unknown_key(section, name.str()));
    assign(config, *key, node, where);
  }
}

// The right-hand side of --set as the TOML table {value = ...}: texts may come without quotes.
toml::table parse_assignment(const Key& key, std::string_view text, const std::string& source) {
  const bool bare =
      type_name(key) == "text" && (text.empty() || (text.front() != '"' && text.front() != '\''));
  if (bare) return toml::table{{"value", std::string(text)}};
  toml::table table;
  try {
    table = toml::parse(fmt::format("value = {}", text), source);
  } catch (const toml::parse_error&) {
    fail_input("{}: {} expects {}, not '{}'", source, key.full_name(), expected(key), text);
  }
  if (table.size() != 1) fail_input("{}: {} expects one value, not '{}'", source, key.full_name(), text);
  return table;
}

}  // namespace

void apply_toml(ebm::Config& config, std::string_view text, const std::string& source) {
  const toml::table root = parse(text, source);
  ebm::Config result = config;
  apply_base(result, root, source);
  for (const auto& [name, node] : root) {
    if (name.str() == "recipe") continue;
    const std::string where = position(source, node.source());
    const bool known =
        std::find(all_sections().begin(), all_sections().end(), name.str()) != all_sections().end();
    if (!node.is_table() && !known) fail_input("{}: {}", where, unknown_key("", name.str()));
    if (!known) fail_input("{}: {}", where, unknown_section(name.str()));
    if (!node.is_table())
      fail_input("{}: {} is a section: write [{}] and its keys below it", where, name.str(), name.str());
    apply_section(result, name.str(), *node.as_table(), source);
  }
  config = result;
}

void apply_set(ebm::Config& config, std::string_view assignment) {
  const std::string source = fmt::format("--set {}", assignment);
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos) fail_input("{}: expects section.key=value", source);
  const std::string_view full = assignment.substr(0, equals);
  const std::size_t dot = full.find('.');
  if (dot == std::string_view::npos) {
    if (full == "recipe") fail_input("{}: a recipe is chosen with --recipe", source);
    fail_input("{}: {}", source, unknown_key("", full));
  }
  const std::string_view section = full.substr(0, dot);
  const std::string_view name = full.substr(dot + 1);
  if (section == kPublishedSection)
    fail_input("{}: published figures belong to a recipe and cannot be set for a run", source);
  const Key* key = find_key(section, name);
  if (key == nullptr) fail_input("{}: {}", source, unknown_key(section, name));
  const toml::table value = parse_assignment(*key, assignment.substr(equals + 1), source);
  ebm::Config result = config;
  assign(result, *key, *value.get("value"), source);
  config = result;
}

ebm::Config resolve(const ConfigSources& sources) {
  ebm::Config config;
  if (!sources.recipe.empty()) config = load_recipe(sources.recipe);
  if (!sources.file_name.empty()) apply_toml(config, sources.file_text, sources.file_name);
  for (const std::string& assignment : sources.sets) apply_set(config, assignment);
  return config;
}

}  // namespace mebm::tools

// ebm::Config and the table of keys as text.
#include <fmt/format.h>

#include "tools/config.h"
#include "tools/config_keys.h"

namespace mebm::tools {

std::string to_toml(const ebm::Config& config) {
  std::string text;
  if (!config.recipe.empty()) text += fmt::format("recipe = \"{}\"\n", config.recipe);
  for (const std::string& section : all_sections()) {
    if (section == kPublishedSection && !config.published.present) continue;
    text += fmt::format("{}[{}]\n", text.empty() ? "" : "\n", section);
    for (const Key& key : all_keys())
      if (key.section == section) text += fmt::format("{} = {}\n", key.name, value_text(key, config));
  }
  return text;
}

std::vector<KeyInfo> known_keys() {
  const ebm::Config defaults;
  std::vector<KeyInfo> keys;
  for (const Key& key : all_keys()) {
    if (key.section == kPublishedSection) continue;
    keys.push_back({key.full_name(), type_name(key), value_text(key, defaults), allowed_text(key), key.unit,
                    key.help, key.documented});
  }
  return keys;
}

std::string key_help() {
  std::string text;
  std::string section;
  for (const KeyInfo& key : known_keys()) {
    if (!key.documented) continue;
    const std::string of = key.name.substr(0, key.name.find('.'));
    if (of != section) text += fmt::format("{}[{}]\n", text.empty() ? "" : "\n", of);
    section = of;
    std::string note = key.type;
    if (!key.allowed.empty()) note += ": " + key.allowed;
    if (!key.unit.empty()) note += "; " + key.unit;
    text += fmt::format("  {:<32} {} [default {}] ({})\n", key.name, key.help, key.default_value, note);
  }
  return text;
}

std::string published_line(const ebm::PublishedRow& row) {
  if (!row.present) return "";
  std::string figures;
  const auto add = [&](double value, std::string_view before, std::string_view after) {
    if (value > 0) figures += fmt::format("{}{}{}{}", figures.empty() ? "" : ", ", before, value, after);
  };
  add(row.accuracy, "accuracy ", " %");
  add(row.inception_score, "IS ", "");
  add(row.fid, "FID ", "");
  add(row.minutes_per_epoch, "", " minutes per epoch");
  if (row.diverged) figures += " (diverged; best before)";
  return fmt::format("{}: {}", row.source, figures.empty() ? "no figures reported" : figures);
}

}  // namespace mebm::tools

#pragma once
// Configuration of a run in TOML: parsing, overriding, printing and checking. One table of keys
// (config_keys.cpp) drives all of it, so that a key is documented, checked and printed wherever it is
// accepted.
//
// Precedence: command line > --set > file > recipe. Every error is an InputError of one line that names the
// source, the key and its value, and the nearest known name where one was misspelt.

#include <string>
#include <string_view>
#include <vector>

#include "ebm/config.h"

namespace mebm::tools {

inline constexpr int kMaxThreads = 4096;  // of run.threads and --threads

// Names of the recipes embedded in this binary, sorted.
std::vector<std::string> recipe_names();

// The TOML text of an embedded recipe, comments included. InputError with the nearest name if unknown.
std::string recipe_text(std::string_view name);

// The configuration of an embedded recipe: the defaults of ebm/config.h overridden by the recipe's keys (and
// by those of the recipe it builds on, if it names one). InputError with the nearest name if unknown.
ebm::Config load_recipe(std::string_view name);

// Applies a TOML text to `config`; `source` (a path, "recipe NAME") starts every error message. A key
// `recipe = "NAME"` at the top of the text first replaces `config` by that recipe, unless `config` came from
// it already; a text that holds every key (as to_toml writes) needs no recipe and only records the name.
// `config` is unchanged if an error is thrown.
void apply_toml(ebm::Config& config, std::string_view text, const std::string& source);

// Applies one `--set section.key=value`. Strings may be given without quotes, lists as [60, 120].
void apply_set(ebm::Config& config, std::string_view assignment);

// Where a configuration comes from, weakest first; what the command line itself sets is applied to the
// result.
struct ConfigSources {
  std::string recipe;     // "" = none
  std::string file_name;  // "" = none; the text of the file is in file_text
  std::string file_text;
  std::vector<std::string> sets;  // section.key=value, in the order given
};

// Recipe, then file, then --set. Not validated: call validate() once the command line has been applied too.
ebm::Config resolve(const ConfigSources& sources);

// The complete configuration as TOML, every key in the table's order. Reading it back with apply_toml gives
// the same configuration bit for bit (floats are printed with the fewest digits that identify them).
std::string to_toml(const ebm::Config& config);

// Every violated constraint, one line each; empty if the configuration can run in this version.
std::vector<std::string> violations(const ebm::Config& config);

// InputError with every violated constraint, one line each.
void validate(const ebm::Config& config);

// One key as documentation shows it.
struct KeyInfo {
  std::string name;           // section.key
  std::string type;           // integer | number | text | true or false | list of integers
  std::string default_value;  // as TOML
  std::string allowed;        // "a, b, c" or "1 to 128" or ">= 0", "" if anything goes
  std::string unit;           // "" if it has none
  std::string help;
  bool documented = true;  // false: reserved, refused by name
};

// Every key of the configuration in the order of the file, the [published] table of recipes left out.
std::vector<KeyInfo> known_keys();

// The keys as text for --help, one line each under its section.
std::string key_help();

// "Table 1, M-EBM K=5: FID 22.7, IS 7.14, 5.4 minutes per epoch", or "" if there is no published row.
std::string published_line(const ebm::PublishedRow& row);

}  // namespace mebm::tools

// docs/differences.md against the recipes: each row of its first table names a key, a recipe and two values.
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "tools/config.h"

namespace mebm::tools {
namespace {

struct Row {
  std::string number, key, plain, paper, recipe;
};

std::string trim(const std::string& cell) {
  const std::size_t begin = cell.find_first_not_of(" `");
  if (begin == std::string::npos) return "";
  return cell.substr(begin, cell.find_last_not_of(" `") - begin + 1);
}

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream stream(line.substr(1));
  for (std::string cell; std::getline(stream, cell, '|');) cells.push_back(trim(cell));
  return cells;
}

struct Document {
  std::vector<Row> rows;          // the table of keys
  std::set<std::string> without;  // numbers of the table that no key touches
};

Document read_document() {
  Document document;
  std::ifstream stream(MEBM_SOURCE_DIR "/docs/differences.md");
  for (std::string line; std::getline(stream, line);) {
    if (line.empty() || line[0] != '|') continue;
    const std::vector<std::string> cells = cells_of(line);
    if (cells[0] == "#" || cells[0].find("---") == 0) continue;
    if (cells.size() == 7)
      document.rows.push_back({cells[0], cells[3], cells[4], cells[5], cells[6]});
    else if (cells.size() == 4)
      document.without.insert(cells[0]);
    else
      ADD_FAILURE() << "a row of " << cells.size() << " cells: " << line;
  }
  return document;
}

// The value of section.key in the printed configuration.
std::string printed_value(const ebm::Config& config, const std::string& key) {
  const std::size_t dot = key.find('.');
  std::istringstream lines(to_toml(config));
  std::string section;
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line[0] == '[') section = line.substr(1, line.size() - 2);
    const std::string start = key.substr(dot + 1) + " = ";
    if (section == key.substr(0, dot) && line.rfind(start, 0) == 0) return line.substr(start.size());
  }
  return "no such key";
}

// A value as the printer writes it, so that `1e-4` and `0.0001` compare equal.
std::string normalised(const std::string& key, const std::string& value) {
  ebm::Config config;
  apply_set(config, key + "=" + value);
  return printed_value(config, key);
}

TEST(Differences, ValuesAreThoseOfTheRecipes) {
  const Document document = read_document();
  ASSERT_GE(document.rows.size(), 15u);
  for (const Row& row : document.rows) {
    SCOPED_TRACE(row.number + " " + row.key + " of " + row.recipe);
    EXPECT_EQ(printed_value(load_recipe(row.recipe), row.key), normalised(row.key, row.plain));
    EXPECT_EQ(printed_value(load_recipe(row.recipe + "-paper"), row.key), normalised(row.key, row.paper));
  }
}

TEST(Differences, EveryKnownDifferenceIsListedOnce) {
  const Document document = read_document();
  std::set<std::string> with;
  for (const Row& row : document.rows) with.insert(row.number);
  for (int number = 1; number <= 22; ++number)
    EXPECT_EQ(with.count(std::to_string(number)) + document.without.count(std::to_string(number)), 1u)
        << number;
}

// Whatever the two readings of a recipe disagree on must be in the table.
TEST(Differences, NothingElseDiffersBetweenTheReadings) {
  std::set<std::string> listed;
  for (const Row& row : read_document().rows)
    if (row.plain != row.paper) listed.insert(row.key);
  for (const std::string& name : recipe_names()) {
    const std::string end = "-paper";
    if (name.size() < end.size() || name.substr(name.size() - end.size()) != end) continue;
    const ebm::Config paper = load_recipe(name);
    const ebm::Config plain = load_recipe(name.substr(0, name.size() - end.size()));
    for (const KeyInfo& key : known_keys()) {
      if (printed_value(paper, key.name) != printed_value(plain, key.name)) {
        EXPECT_TRUE(listed.count(key.name)) << key.name << " in " << name;
      }
    }
  }
}

}  // namespace
}  // namespace mebm::tools

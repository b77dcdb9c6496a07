#include "tools/recipes.h"

#include <algorithm>

#include "engine/core/error.h"
#include "tools/config.h"
#include "tools/nearest.h"

namespace mebm::tools {

std::vector<std::string> recipe_names() {
  std::vector<std::string> names;
  for (const EmbeddedRecipe& recipe : embedded_recipes()) names.emplace_back(recipe.name);
  std::sort(names.begin(), names.end());
  return names;
}

std::string recipe_text(std::string_view name) {
  for (const EmbeddedRecipe& recipe : embedded_recipes())
    if (recipe.name == name) return std::string(recipe.text);
  engine::fail_input("unknown recipe '{}'; nearest known recipe: {}", name, nearest(name, recipe_names()));
}

ebm::Config load_recipe(std::string_view name) {
  ebm::Config config;
  apply_toml(config, recipe_text(name), std::string("recipe ").append(name));
  config.recipe = std::string(name);
  return config;
}

}  // namespace mebm::tools

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
  const std::string near = nearest(name, recipe_names());
  engine::fail_input(
      "unknown recipe '{}'; {}", name,
      near.empty() ? "mebm_engine train --help lists the recipes" : "nearest known recipe: " + near);
}

ebm::Config load_recipe(std::string_view name) {
  ebm::Config config;
  apply_toml(config, recipe_text(name), std::string("recipe ").append(name));
  config.recipe = std::string(name);
  return config;
}

}  // namespace mebm::tools

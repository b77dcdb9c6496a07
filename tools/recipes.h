#pragma once
// The recipes embedded in the binary; the table is generated from recipes/*.toml at build time.

#include <span>
#include <string_view>

namespace mebm::tools {

struct EmbeddedRecipe {
  std::string_view name;  // file name without .toml
  std::string_view text;
};

// Every embedded recipe.
std::span<const EmbeddedRecipe> embedded_recipes();

}  // namespace mebm::tools

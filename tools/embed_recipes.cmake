# cmake -DDIRECTORY=recipes -DOUTPUT=file.cpp -P embed_recipes.cmake: writes the table behind tools/recipes.h.
file(GLOB files "${DIRECTORY}/*.toml")
list(SORT files)
set(rows "")
foreach(file IN LISTS files)
  get_filename_component(name "${file}" NAME_WE)
  file(READ "${file}" text)
  string(FIND "${text}" ")mebm\"" clash)
  if(NOT clash EQUAL -1)
    message(FATAL_ERROR "${file} holds the characters that end an embedded recipe")
  endif()
  string(APPEND rows "    {\"${name}\", R\"mebm(${text})mebm\"},\n")
endforeach()
file(WRITE "${OUTPUT}" "// Generated from recipes/*.toml.
#include \"tools/recipes.h\"

namespace mebm::tools {
namespace {
constexpr EmbeddedRecipe kRecipes[] = {
${rows}};
}  // namespace

std::span<const EmbeddedRecipe> embedded_recipes() { return kRecipes; }

}  // namespace mebm::tools
")

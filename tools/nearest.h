#pragma once
// Suggestions for misspelt names: the closest of a list by edit distance.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mebm::tools {

// Number of insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b` (optimal
// string alignment distance).
std::size_t edit_distance(std::string_view a, std::string_view b);

// The candidate with the smallest edit distance to `word`, the first of equals; "" when none is near: more
// than two edits and more than a third of the word away.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

// "; did you mean 'width'?", or "" when no candidate is near.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace mebm::tools

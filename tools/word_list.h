#pragma once
// Options that are comma-separated lists of known words.

#include <string>
#include <vector>

namespace mebm::tools {

// The words of `text`, each once, in the order given. InputError for a word that is not among `known`;
// `more` ends its message.
std::vector<std::string> parse_words(const std::string& option, const std::string& text,
                                     const std::vector<std::string>& known, const std::string& more = "");

}  // namespace mebm::tools

#include "tools/word_list.h"

#include <algorithm>

#include "engine/core/error.h"

namespace mebm::tools {

std::vector<std::string> parse_words(const std::string& option, const std::string& text,
                                     const std::vector<std::string>& known, const std::string& more) {
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    if (std::find(known.begin(), known.end(), word) == known.end()) {
      std::string names;
      for (const std::string& name : known) names += (names.empty() ? "" : ", ") + name;
      engine::fail_input("{}: '{}' is not available; known: {}{}", option, word, names, more);
    }
    if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
    begin = end + 1;
  }
  return words;
}

}  // namespace mebm::tools

#pragma once
// Text inside an HTML page, whatever it holds.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace mebm::report {

// `text` as valid UTF-8: each byte that is part of no character becomes U+FFFD, as do control characters
// other than tab and line feed.
std::string printable(std::string_view text);

// `text` for element content and quoted attribute values: printable, with & < > " ' as entities.
std::string escape_html(std::string_view text);

// JSON text for a <script> element: < > & and the line separators U+2028, U+2029 as \u escapes, so that no
// string in it can end the element or open a comment. The JSON is otherwise the same value.
std::string escape_script_json(std::string_view json);

// "data:<type>;base64,...".
std::string data_uri(std::string_view type, std::span<const std::byte> bytes);
// Length of a data URI of that many bytes, the type left out.
std::size_t base64_length(std::size_t bytes);

// "<tag class='...'>" content "</tag>", where `content` is HTML already and `attributes` is "" or
// ` class="x"`.
std::string element(std::string_view tag, std::string_view content, std::string_view attributes = "");

}  // namespace mebm::report

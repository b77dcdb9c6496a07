// Text in a page: nothing a run holds can become markup, script or a broken character.
#include "report/html.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace mebm::report {
namespace {

TEST(EscapeHtml, MarksUpNothing) {
  EXPECT_EQ(escape_html("<script>alert('x')</script> & \"y\""),
            "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;y&quot;");
  EXPECT_EQ(escape_html("E⁺ and ü"), "E⁺ and ü");
}

TEST(Printable, ReplacesWhatIsNoCharacter) {
  EXPECT_EQ(printable("a\r\nb\tc"), "a\nb\tc");
  EXPECT_EQ(printable(std::string_view("a\0b\x1b", 4)), "a\uFFFDb\uFFFD");
  EXPECT_EQ(printable("\xff\xc3"), "\uFFFD\uFFFD");                      // no first byte; cut short
  EXPECT_EQ(printable("\xc0\xbc"), "\uFFFD\uFFFD");                      // '<' in two bytes
  EXPECT_EQ(printable("\xed\xa0\x80"), "\uFFFD\uFFFD\uFFFD");            // half of a surrogate pair
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD");  // beyond U+10FFFF
  EXPECT_EQ(printable("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80");
}

TEST(EscapeScriptJson, KeepsTheValueAndNothingAScriptElementReads) {
  const std::string hostile = "</script><!--<script>&\xE2\x80\xA8\xE2\x80\xA9";
  const nlohmann::json value{{hostile, {hostile, 1.5}}};
  const std::string text = escape_script_json(value.dump());
  for (const char* forbidden : {"<", ">", "&", "\xE2\x80\xA8", "\xE2\x80\xA9"})
    EXPECT_EQ(text.find(forbidden), std::string::npos) << forbidden;
  EXPECT_EQ(nlohmann::json::parse(text), value);
}

std::string uri_of(std::string_view text) {
  return data_uri("image/png", std::as_bytes(std::span(text.data(), text.size())));
}

// The examples of RFC 4648, section 10.
TEST(DataUri, IsBase64) {
  const std::string head = "data:image/png;base64,";
  EXPECT_EQ(uri_of(""), head);
  EXPECT_EQ(uri_of("f"), head + "Zg==");
  EXPECT_EQ(uri_of("fo"), head + "Zm8=");
  EXPECT_EQ(uri_of("foo"), head + "Zm9v");
  EXPECT_EQ(uri_of("foobar"), head + "Zm9vYmFy");
  EXPECT_EQ(uri_of("\xff\xfe\xfd"), head + "//79");
  EXPECT_EQ(base64_length(4), 8U);
}

}  // namespace
}  // namespace mebm::report

#include "report/font.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace mebm::report {
namespace {

std::string art(char character) {
  std::string rows;
  for (int y = 0; y < kGlyphHeight; ++y) {
    for (int x = 0; x < kGlyphWidth; ++x) rows += glyph_pixel(character, x, y) ? '#' : '.';
    rows += '\n';
  }
  return rows;
}

TEST(Font, DrawsRecognisableGlyphs) {
  EXPECT_EQ(art('F'), "#####\n#....\n#....\n####.\n#....\n#....\n#....\n.....\n");
  EXPECT_EQ(art('p'), ".....\n.....\n####.\n#...#\n#...#\n####.\n#....\n#....\n");
  EXPECT_EQ(art('7'), "#####\n....#\n...#.\n..#..\n.#...\n.#...\n.#...\n.....\n");
}

TEST(Font, HasADifferentGlyphForEveryPrintableCharacter) {
  std::set<std::string> glyphs;
  for (char c = ' '; c <= '~'; ++c) EXPECT_TRUE(glyphs.insert(art(c)).second) << c;
  EXPECT_EQ(glyphs.size(), 95u);
  EXPECT_EQ(art(' ').find('#'), std::string::npos);
}

TEST(Font, ShowsAQuestionMarkForTheRest) {
  EXPECT_EQ(art('\n'), art('?'));
  EXPECT_EQ(art('\xe9'), art('?'));
  EXPECT_EQ(art('\x7f'), art('?'));
  EXPECT_FALSE(glyph_pixel('F', -1, 0));
  EXPECT_FALSE(glyph_pixel('F', 5, 0));
  EXPECT_FALSE(glyph_pixel('F', 0, 8));
}

TEST(Font, TextIsAsWideAsItsGlyphsAndGaps) {
  EXPECT_EQ(text_width("", 2), 0);
  EXPECT_EQ(text_width("a", 1), 5);
  EXPECT_EQ(text_width("abc", 2), 34);
}

TEST(Font, DrawsScaledAndCutsOffAtTheBorder) {
  Image image = Image::filled(12, 10, 3, 255);
  draw_text(image, 1, 1, "FF", 2, 0);  // the second F lies outside
  EXPECT_EQ(image.at(0, 1)[0], 255);
  for (int c = 0; c < 3; ++c) {
    EXPECT_EQ(image.at(1, 1)[c], 0);
    EXPECT_EQ(image.at(10, 2)[c], 0);
    EXPECT_EQ(image.at(11, 2)[c], 255);
    EXPECT_EQ(image.at(3, 3)[c], 255) << "right of the stem";
  }
  draw_text(image, -1000, -1000, "F", 1, 0);
}

}  // namespace
}  // namespace mebm::report

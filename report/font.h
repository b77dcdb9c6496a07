#pragma once
// A fixed-width bitmap font for captions: printable ASCII, 5 x 8 pixels (7 rows and one for descenders).

#include <cstdint>
#include <string_view>

#include "report/png.h"

namespace mebm::report {

inline constexpr int kGlyphWidth = 5;
inline constexpr int kGlyphHeight = 8;
inline constexpr int kGlyphAdvance = 6;  // one column between glyphs

// Whether the font's pixel (column 0..4, row 0..7) of `character` is ink; other than printable ASCII looks
// like '?'.
bool glyph_pixel(char character, int column, int row);

// Width in pixels of a line of text at `scale`, without the gap after its last glyph; 0 for "".
int text_width(std::string_view text, int scale);

// Draws one line of text with its upper left corner at (x, y), each font pixel a square of `scale` pixels of
// grey `level`. What falls outside the image is cut off.
void draw_text(Image& image, int x, int y, std::string_view text, int scale, std::uint8_t level);

}  // namespace mebm::report

#pragma once
// Colours that people of any colour vision tell apart.

#include <cstdint>

namespace mebm::report {

struct Color {
  std::uint8_t red = 0, green = 0, blue = 0;

  bool operator==(const Color&) const = default;
};

inline constexpr Color kBlack{0, 0, 0}, kWhite{255, 255, 255}, kGrey{150, 150, 150},
    kLightGrey{225, 225, 225};

// Number of different category_color()s; category k has that of k mod this.
inline constexpr int kCategoryColors = 10;

// The ten colours of Petroff, "Accessible color sequences for data visualization" (2021), whose differences
// were optimised under simulated colour vision deficiencies.
Color category_color(int category);

// The viridis map (van der Walt and Smith, 2015) at t in 0 ... 1, interpolated between its ninths; dark is
// low, and lightness alone orders it. Other t are clamped, NaN is grey.
Color scale_color(double t);

}  // namespace mebm::report

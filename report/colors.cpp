#include "report/colors.h"

#include <algorithm>
#include <cmath>

namespace mebm::report {
namespace {

constexpr Color kCategories[kCategoryColors] = {
    {63, 144, 218}, {255, 169, 14}, {189, 31, 1},    {148, 164, 162}, {131, 45, 182},
    {169, 107, 89}, {231, 99, 0},   {185, 172, 112}, {113, 117, 129}, {146, 218, 221}};
// Every ninth of viridis.
constexpr Color kViridis[] = {{68, 1, 84},    {72, 40, 120},  {62, 74, 137},  {49, 104, 142}, {38, 130, 142},
                              {31, 158, 137}, {53, 183, 121}, {109, 205, 89}, {180, 222, 44}, {253, 231, 37}};
constexpr int kSteps = static_cast<int>(sizeof kViridis / sizeof kViridis[0]) - 1;

std::uint8_t mix(std::uint8_t a, std::uint8_t b, double t) {
  return static_cast<std::uint8_t>(std::lround(a + (b - a) * t));
}

}  // namespace

Color category_color(int category) {
  return kCategories[((category % kCategoryColors) + kCategoryColors) % kCategoryColors];
}

Color scale_color(double t) {
  if (std::isnan(t)) return kGrey;
  const double at = std::clamp(t, 0.0, 1.0) * kSteps;
  const int step = std::min(static_cast<int>(at), kSteps - 1);
  const Color a = kViridis[step], b = kViridis[step + 1];
  return {mix(a.red, b.red, at - step), mix(a.green, b.green, at - step), mix(a.blue, b.blue, at - step)};
}

}  // namespace mebm::report

#pragma once
// Files that the program carries for the HTML report (cmake/EmbedFile.cmake).

#include <string_view>

namespace mebm::report {

std::string_view chart_js();       // Chart.js, its notice at the top
std::string_view report_style();   // assets/report.css
std::string_view report_script();  // assets/report.js
std::string_view
chart_js_licence();  // assets/chart_js_licence.txt: what the MIT licence asks copies to carry

}  // namespace mebm::report

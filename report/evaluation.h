#pragma once
// evaluation.json and incidents.jsonl as HTML, whatever keys they have.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mebm::report {

struct ReliabilityPoint {
  double confidence = 0, accuracy = 0;  // 0 ... 1
  std::int64_t count = 0;
};

// A reliability diagram: an object that has "bins", a list of objects with confidence, accuracy and count.
// Bins without images are left out.
struct Reliability {
  std::string label;  // where it stands: "calibration", "running calibration"; "" at the top
  std::vector<ReliabilityPoint> bins;
};

// Every one in the JSON text; none where it is no JSON.
std::vector<Reliability> find_reliability(std::string_view json);

// The JSON text as nested tables: objects as rows of name and value, lists of objects as tables with a column
// for each key; bins of reliability diagrams and long lists are summed up in words. Everything is escaped.
// nullopt where the text is no JSON.
std::optional<std::string> json_as_html(std::string_view json);

// A table of JSON lines, a column for each key. Lines that are no objects are shown as they are.
std::string json_lines_as_html(std::span<const std::string> lines);

// The number at `key` of the text's top object.
std::optional<double> number_of(std::string_view json, std::string_view key);

}  // namespace mebm::report

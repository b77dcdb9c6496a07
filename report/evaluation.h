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
  std::string label;  // where it stands, but for "reliability": "running"; "" at the top
  std::vector<ReliabilityPoint> bins;
};

// Every one in the JSON text; none where it is no JSON.
std::vector<Reliability> find_reliability(std::string_view json);

// The JSON text as nested tables: objects as rows of name and value, lists of objects as tables with a column
// for each key, or turned on their side where that is shorter; bins of reliability diagrams and long lists
// are summed up in words. Everything is escaped. nullopt where the text is no JSON.
std::optional<std::string> json_as_html(std::string_view json);

// A table of JSON lines, a column for each key. Lines that are no objects are shown as they are.
std::string json_lines_as_html(std::span<const std::string> lines);

struct Figure {
  double value = 0;
  std::optional<double> deviation;
  std::string label;  // what it was computed of: "fresh, N = 2000"; "" for a number of the top object
};

// The figures named `key` of evaluation.json: of its top object, and of the rows of its list "distances",
// whose "is" counts only where the row has an Inception "protocol".
std::vector<Figure> figures_of(std::string_view json, const std::string& key);

}  // namespace mebm::report

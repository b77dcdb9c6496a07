#include "report/evaluation.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "report/html.h"

namespace mebm::report {

using nlohmann::ordered_json;

namespace {

constexpr int kDeepest = 8;
constexpr std::size_t kMostRows = 200, kMostColumns = 24, kMostListed = 16;
constexpr std::size_t kMostSideways = 6;  // rows beside each other

ordered_json parse(std::string_view text) {
  return ordered_json::parse(text.begin(), text.end(), nullptr, false);
}

bool is_bin(const ordered_json& value) {
  return value.is_object() && value.contains("confidence") && value["confidence"].is_number() &&
         value.contains("accuracy") && value["accuracy"].is_number() && value.contains("count") &&
         value["count"].is_number();
}

bool has_bins(const ordered_json& value) {
  return value.is_object() && value.contains("bins") && value["bins"].is_array() && !value["bins"].empty() &&
         std::all_of(value["bins"].begin(), value["bins"].end(), is_bin);
}

void find(const ordered_json& value, const std::string& label, int depth, std::vector<Reliability>& found) {
  if (depth > kDeepest || found.size() >= kMostListed) return;
  if (has_bins(value)) {
    Reliability diagram{label, {}};
    for (const ordered_json& bin : value["bins"])
      if (bin["count"].get<double>() > 0)
        diagram.bins.push_back({bin["confidence"].get<double>(), bin["accuracy"].get<double>(),
                                static_cast<std::int64_t>(std::min(bin["count"].get<double>(), 1e15))});
    found.push_back(std::move(diagram));
  }
  if (!value.is_object()) return;
  for (const auto& [key, inner] : value.items())
    find(inner, key == "reliability" ? label : label.empty() ? key : label + " " + key, depth + 1, found);
}

// A scalar as it is read; not escaped.
std::string text_of(const ordered_json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return fmt::format("{:.6g}", value.get<double>());
  if (value.is_null()) return "–";
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string scalar(const ordered_json& value) {
  return escape_html(text_of(value));
}

// A mean and its deviation.
bool is_mean(const ordered_json& value) {
  return value.is_object() && value.size() == 2 && value.contains("mean") && value["mean"].is_number() &&
         value.contains("deviation") && value["deviation"].is_number();
}

bool is_flat(const ordered_json& value) {
  return std::none_of(value.begin(), value.end(),
                      [](const ordered_json& inner) { return inner.is_structured(); });
}

std::string words_of(const std::string& key) {
  std::string words = key;
  std::replace(words.begin(), words.end(), '_', ' ');
  return escape_html(words);
}

std::string html_of(const ordered_json& value, int depth);

std::vector<std::string> keys_of(std::span<const ordered_json> rows) {
  std::vector<std::string> keys;
  for (const ordered_json& row : rows)
    for (const auto& [key, inner] : row.items())
      if (keys.size() < kMostColumns && std::find(keys.begin(), keys.end(), key) == keys.end())
        keys.push_back(key);
  return keys;
}

std::string cell_of(const ordered_json& row, const std::string& key, int depth) {
  return element("td", row.contains(key) ? html_of(row[key], depth + 1) : "");
}

// Few rows of many keys: a row for each key, so that the rows stand side by side.
std::string sideways_table(std::span<const ordered_json> rows, const std::vector<std::string>& keys,
                           int depth) {
  std::string body;
  for (const std::string& key : keys) {
    std::string cells = element("th", words_of(key), " scope=\"row\"");
    for (const ordered_json& row : rows) cells += cell_of(row, key, depth);
    body += element("tr", cells);
  }
  return element("div", element("table", element("tbody", body), " class=\"facts\""), " class=\"scroll\"");
}

// A column for each key of any row.
std::string table_of(std::span<const ordered_json> rows, int depth) {
  const std::vector<std::string> keys = keys_of(rows);
  if (rows.size() <= kMostSideways && keys.size() > kMostSideways) return sideways_table(rows, keys, depth);
  std::string head, body;
  for (const std::string& key : keys) head += element("th", words_of(key), " scope=\"col\"");
  for (const ordered_json& row : rows.first(std::min(rows.size(), kMostRows))) {
    std::string cells;
    for (const std::string& key : keys) cells += cell_of(row, key, depth);
    body += element("tr", cells);
  }
  const std::string rest =
      rows.size() > kMostRows
          ? element("p", fmt::format("{} more rows are left out.", rows.size() - kMostRows),
                    " class=\"muted\"")
          : "";
  return element("div", element("table", element("thead", element("tr", head)) + element("tbody", body)),
                 " class=\"scroll\"") +
         rest;
}

std::string list_of(const ordered_json& value, int depth) {
  const std::vector<ordered_json> items(value.begin(), value.end());
  const bool objects =
      std::all_of(items.begin(), items.end(), [](const auto& item) { return item.is_object(); });
  if (!items.empty() && objects) return table_of(items, depth);
  if (!is_flat(value) || items.size() > kMostListed) return fmt::format("a list of {}", items.size());
  std::string text;
  for (const ordered_json& item : items) text += (text.empty() ? "" : ", ") + scalar(item);
  return text;
}

std::string html_of(const ordered_json& value, int depth) {
  if (!value.is_structured()) return scalar(value);
  if (depth > kDeepest) return "…";
  if (is_mean(value)) return scalar(value["mean"]) + " ± " + scalar(value["deviation"]);
  if (value.is_array()) return list_of(value, depth);
  std::string rows;
  std::size_t count = 0;
  for (const auto& [key, inner] : value.items()) {
    if (++count > kMostRows) break;
    const std::string shown = key == "bins" && has_bins(value)
                                  ? fmt::format("{} bins, drawn as a reliability diagram", inner.size())
                                  : html_of(inner, depth + 1);
    rows += element("tr", element("th", words_of(key), " scope=\"row\"") + element("td", shown));
  }
  return element("table", element("tbody", rows), " class=\"facts\"");
}

}  // namespace

std::vector<Reliability> find_reliability(std::string_view json) {
  std::vector<Reliability> found;
  find(parse(json), "", 0, found);
  return found;
}

std::optional<std::string> json_as_html(std::string_view json) {
  const ordered_json value = parse(json);
  if (value.is_discarded()) return std::nullopt;
  return html_of(value, 0);
}

std::string json_lines_as_html(std::span<const std::string> lines) {
  std::vector<ordered_json> rows;
  for (const std::string& line : lines) {
    ordered_json row = parse(line);
    rows.push_back(row.is_object() ? std::move(row) : ordered_json{{"line", line}});
  }
  return table_of(rows, 0);
}

std::vector<Figure> figures_of(std::string_view json, const std::string& key) {
  std::vector<Figure> found;
  const ordered_json value = parse(json);
  if (!value.is_object()) return found;
  if (value.contains(key) && value[key].is_number())
    found.push_back({value[key].get<double>(), std::nullopt, ""});
  if (!value.contains("distances") || !value["distances"].is_array()) return found;
  for (const ordered_json& row : value["distances"]) {
    if (!row.is_object() || !row.contains(key) || (key == "is" && !row.contains("protocol"))) continue;
    std::string label = row.contains("samples") ? text_of(row["samples"]) : "";
    if (row.contains("count"))
      label += fmt::format("{}N = {}", label.empty() ? "" : ", ", text_of(row["count"]));
    const ordered_json& figure = row[key];
    if (figure.is_number())
      found.push_back({figure.get<double>(), std::nullopt, label});
    else if (is_mean(figure))
      found.push_back({figure["mean"].get<double>(), figure["deviation"].get<double>(), label});
    if (found.size() >= kMostListed) break;
  }
  return found;
}

}  // namespace mebm::report

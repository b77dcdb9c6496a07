#include "report/metrics_log.h"

#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

namespace mebm::report {

using nlohmann::json;

namespace {

constexpr std::size_t kLongestLine = std::size_t{1} << 20;

enum class LineEnd { whole, cut_short, too_long, none };

// The next line; `cut_short` where the file ends without a line feed.
LineEnd next_line(std::istream& in, std::string& line) {
  line.clear();
  bool too_long = false;
  for (int c = in.get(); c != std::char_traits<char>::eof(); c = in.get()) {
    if (c == '\n') return too_long ? LineEnd::too_long : LineEnd::whole;
    if (line.size() < kLongestLine)
      line += static_cast<char>(c);
    else
      too_long = true;
  }
  if (line.empty()) return LineEnd::none;
  return too_long ? LineEnd::too_long : LineEnd::cut_short;
}

class Reader {
 public:
  explicit Reader(MetricsLog& log) : log_(log) {}

  void read(std::istream& in) {
    std::string line;
    for (LineEnd end = next_line(in, line); end != LineEnd::none; end = next_line(in, line)) {
      if (end == LineEnd::too_long)
        ++too_long_;
      else if (line.find_first_not_of(" \t\r") == std::string::npos)
        continue;
      else if (!take(line) && end == LineEnd::cut_short)
        cut_short_ = true;
      else if (!taken_)
        ++damaged_;
    }
    if (in.bad()) log_.notes.emplace_back("metrics.jsonl could not be read to its end");
    note();
  }

 private:
  // False where the line is no object with an iteration.
  bool take(const std::string& line) {
    taken_ = false;
    const json object = json::parse(line, nullptr, false);
    if (!object.is_object()) return false;
    const auto iteration = object.find("iteration");
    if (iteration == object.end() || !iteration->is_number()) return false;
    const double x = iteration->get<double>();
    if (!std::isfinite(x)) return false;
    taken_ = true;
    if (log_.lines > 0 && x <= log_.last_iteration) ++backwards_;
    log_.last_iteration = x;
    ++log_.lines;
    for (const auto& [key, value] : object.items())
      if (key != "iteration" && (value.is_number() || value.is_null()))
        add(key, x, value.is_null() ? std::nan("") : value.get<double>());
    add_gap(object, x);
    return true;
  }

  void add_gap(const json& object, double x) {
    const auto positive = object.find("energy_positive"), negative = object.find("energy_negative");
    if (positive != object.end() && negative != object.end() && positive->is_number() &&
        negative->is_number())
      add("energy_gap", x, negative->get<double>() - positive->get<double>());
  }

  void add(const std::string& key, double x, double y) {
    auto found = log_.curves.find(key);
    if (found == log_.curves.end()) {
      if (std::ssize(log_.curves) >= kMostCurves) {
        left_out_ = true;
        return;
      }
      found = log_.curves.emplace(key, Series()).first;
    }
    found->second.add(x, y);
  }

  void note() {
    const auto say = [&](bool when, std::string text) {
      if (when) log_.notes.push_back(std::move(text));
    };
    say(cut_short_,
        "the last line of metrics.jsonl is cut short and left out: the run is writing it, or was killed");
    say(damaged_ > 0,
        fmt::format("{} lines of metrics.jsonl are no JSON object with an iteration; left out", damaged_));
    say(too_long_ > 0, fmt::format("{} lines of metrics.jsonl are longer than 1 MiB; left out", too_long_));
    say(backwards_ > 0,
        fmt::format("iterations of metrics.jsonl repeat or go back {} times; drawn in the file's order",
                    backwards_));
    say(left_out_,
        fmt::format("metrics.jsonl has more than {} numbers a line; the others are left out", kMostCurves));
    std::int64_t joined = 1;
    for (const auto& [key, curve] : log_.curves) joined = std::max(joined, curve.points_per_bucket());
    say(joined > 1,
        fmt::format(
            "{} logged iterations: up to {} neighbours are drawn as one point, their mean, with a band from "
            "the smallest to the largest",
            log_.lines, joined));
    for (const auto& [key, curve] : log_.curves)
      say(curve.finite() > 0 && curve.finite() < curve.points(),
          fmt::format("{} of {} values of {} are not finite or absent; the curve has gaps there",
                      curve.points() - curve.finite(), curve.points(), key));
  }

  MetricsLog& log_;
  bool taken_ = false, cut_short_ = false, left_out_ = false;
  std::int64_t damaged_ = 0, too_long_ = 0, backwards_ = 0;
};

}  // namespace

const Series* MetricsLog::find(const std::string& key) const {
  const auto found = curves.find(key);
  return found == curves.end() || found->second.finite() == 0 ? nullptr : &found->second;
}

MetricsLog read_metrics(const std::filesystem::path& path) {
  MetricsLog log;
  std::ifstream in(path, std::ios::binary);
  std::error_code error;
  if (!in || !std::filesystem::is_regular_file(path, error)) {
    log.notes.emplace_back("no metrics.jsonl: no curves");
    return log;
  }
  log.present = true;
  Reader(log).read(in);
  if (log.lines == 0) log.notes.emplace_back("metrics.jsonl holds no logged iteration yet: no curves");
  return log;
}

}  // namespace mebm::report

#include "report/page.h"

#include <algorithm>

#include <fmt/format.h>

#include "report/assets.h"
#include "report/charts.h"
#include "report/evaluation.h"
#include "report/html.h"
#include "report/page_run.h"

namespace mebm::report {

namespace {

constexpr std::string_view kPolicy =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri "
    "'none'; "
    "form-action 'none'";

std::string title_of(std::span<const RunSummary> runs) {
  constexpr std::size_t kNamed = 3;
  std::string title;
  for (const RunSummary& run : runs.first(std::min(kNamed, runs.size())))
    title += (title.empty() ? "" : ", ") + run.name;
  return runs.size() > kNamed ? fmt::format("{} and {} more", title, runs.size() - kNamed) : title;
}

std::string canvas_card(const std::string& id, const std::string& title, const std::string& unit,
                        const std::string& note, std::string_view shape = "") {
  const std::string heading =
      escape_html(title) +
      (unit.empty() ? "" : element("span", " [" + escape_html(unit) + "]", " class=\"unit\""));
  return element("div",
                 element("header", element("h3", heading)) +
                     (note.empty() ? "" : element("p", escape_html(note), " class=\"muted\"")) +
                     element("div",
                             fmt::format("<canvas data-chart=\"{}\" role=\"img\" aria-label=\"{}\"></canvas>",
                                         escape_html(id), escape_html(title)),
                             " class=\"plot\""),
                 fmt::format(" class=\"card chart{}\"", shape));
}

std::string chart_group(const ChartGroup& group) {
  std::string cards;
  for (const Chart& chart : group.charts) cards += canvas_card(chart.id, chart.title, chart.unit, chart.note);
  const std::string content = cards.empty() ? element("p", escape_html(group.absent), " class=\"muted\"")
                                            : element("div", cards, " class=\"charts\"");
  return element("section", element("h2", group.title) + content);
}

std::string reliability_card(std::span<const RunSummary> runs) {
  for (const RunSummary& run : runs)
    if (!find_reliability(run.evaluation).empty())
      return element("section",
                     element("h2", "Calibration") +
                         element("div",
                                 canvas_card("reliability", "Reliability diagram", "",
                                             "Accuracy against confidence by bin; on the dashed line "
                                             "confidence can be believed. Larger points hold more images.",
                                             " square"),
                                 " class=\"charts\""));
  return "";
}

// What holds for every chart; the script fills in a button for each run.
constexpr std::string_view kControls = R"(<div class="controls" hidden>
<span class="runs" role="group" aria-label="runs shown"></span>
<label>smooth <select id="smooth"><option value="1">off</option><option value="5">5 points</option><option value="20">20 points</option></select></label>
<label>over <select id="axis"><option value="iteration">iterations</option><option value="epoch">epochs</option></select></label>
</div>)";

std::string script(std::string_view text) {
  return element("script", text);
}

std::string body_of(std::span<const RunSummary> runs, const PageOrigin& origin) {
  const std::vector<ChartGroup> groups = charts_for(runs);
  std::string body =
      element("header", element("h1", escape_html(title_of(runs))) +
                            element("p",
                                    escape_html(fmt::format("mebm_engine {} report, {}",
                                                            origin.engine_version, origin.created)),
                                    " class=\"muted\""));
  body +=
      "<noscript><p class=\"card\">Curves need JavaScript; tables and the newest samples do "
      "not.</p></noscript>";
  std::string content = summary_table(runs) + published_table(runs) + std::string(kControls);
  for (const ChartGroup& group : groups) content += chart_group(group);
  content += reliability_card(runs);
  for (std::size_t i = 0; i < runs.size(); ++i) content += run_section(runs[i], i);
  body += element("main", content);
  body += element("footer", element("details", element("summary", "Licence of Chart.js, part of this page") +
                                                   element("pre", escape_html(chart_js_licence()))));
  body += element("script", escape_script_json(chart_data(runs, groups)),
                  " type=\"application/json\" id=\"report-data\"");
  return body + script(chart_js()) + script(report_script());
}

}  // namespace

std::string report_page(std::span<const RunSummary> runs, const PageOrigin& origin) {
  const std::string head =
      "<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n" +
      fmt::format("<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n", kPolicy) +
      "<meta name=\"color-scheme\" content=\"light dark\">\n" +
      element("title", escape_html(title_of(runs)) + " – mebm_engine report") + "\n" +
      element("style", report_style());
  return "<!doctype html>\n<html lang=\"en\">\n" + element("head", head) + "\n" +
         element("body", body_of(runs, origin)) + "\n</html>\n";
}

}  // namespace mebm::report

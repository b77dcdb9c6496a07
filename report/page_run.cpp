#include "report/page_run.h"

#include <fmt/format.h>

#include "report/evaluation.h"
#include "report/html.h"

namespace mebm::report {

namespace {

std::string muted(const std::string& text) {
  return element("p", text, " class=\"muted\"");
}

std::string card(std::string_view title, const std::string& content) {
  return element("div", element("h3", title) + content, " class=\"card\"");
}

std::string folded(std::string_view title, const std::string& content) {
  return element("details", element("summary", title) + content, " class=\"card\"");
}

std::string caption_of(const PageImage& image) {
  return image.iteration >= 0 ? fmt::format("iteration {}", image.iteration) : escape_html(image.name);
}

std::string picture(const PageImage& image, const std::string& attributes = "") {
  return fmt::format("<img alt=\"{}\" src=\"{}\"{}>", caption_of(image), image.uri, attributes);
}

// The newest grid large; a slider brings the others. Without a script the newest is shown.
std::string samples(const RunSummary& run) {
  const std::vector<PageImage>& grids = run.grids.images;
  if (grids.empty())
    return card("Samples",
                muted(run.grids.found == 0 ? "samples/ holds no grid yet." : "No grid fits into the page."));
  std::string images;
  for (std::size_t i = 0; i < grids.size(); ++i)
    images += element("figure",
                      element("div", picture(grids[i]), " class=\"scroll grid\" tabindex=\"0\"") +
                          element("figcaption", caption_of(grids[i])),
                      i + 1 == grids.size() ? "" : " hidden");
  std::string slider;
  if (grids.size() > 1)
    slider = fmt::format(
        "<label class=\"slider\">iteration {} <input type=\"range\" min=\"0\" max=\"{}\" value=\"{}\" "
        "aria-label=\"iteration of the sample grid\"> {}</label>",
        grids.front().iteration, grids.size() - 1, grids.size() - 1, grids.back().iteration);
  const std::string count =
      grids.size() < run.grids.found
          ? muted(fmt::format("{} of {} grids; the others are in samples/.", grids.size(), run.grids.found))
          : "";
  return element("div", element("h3", "Samples") + slider + images + count, " class=\"card samples\"");
}

std::string figures(const RunSummary& run) {
  std::string content;
  for (const PageImage& image : run.figures.images)
    content += element("figure", element("div", picture(image), " class=\"scroll\"") +
                                     element("figcaption", escape_html(image.name)));
  return content.empty() ? "" : card("Figures of analysis/", element("div", content, " class=\"columns\""));
}

std::string evaluation(const RunSummary& run) {
  if (run.evaluation.empty())
    return card("Evaluation",
                muted("No evaluation.json in the run directory: <code>mebm_engine evaluate … --json "
                      "&gt; RUN/evaluation.json</code> adds its figures with their protocol, and the "
                      "reliability diagram."));
  const auto table = json_as_html(run.evaluation);
  return card("Evaluation", table ? element("div", *table, " class=\"scroll\"")
                                  : muted("evaluation.json is no JSON (cut short?); left out."));
}

std::string incidents(const RunSummary& run) {
  if (run.incident_count == 0) return "";
  const std::string head =
      run.incident_count > std::ssize(run.incidents)
          ? muted(fmt::format("The newest {} of {}.", run.incidents.size(), run.incident_count))
          : "";
  return card("Incidents", head + json_lines_as_html(run.incidents));
}

std::string machine(const RunSummary& run) {
  std::string rows;
  for (const Fact& fact : run.environment)
    rows += element("tr", element("th", escape_html(fact.name), " scope=\"row\"") +
                              element("td", escape_html(fact.value)));
  return rows.empty() ? "" : card("Versions and machine", element("table", rows, " class=\"facts\""));
}

std::string protocol(const RunSummary& run) {
  std::string lines;
  const auto say = [&](const std::string& text) { lines += element("li", escape_html(text)); };
  if (run.metrics.find("validation_accuracy") != nullptr && run.facts.validation_images > 0)
    say(fmt::format(
        "Validation accuracy: {} images held out of the training set, running statistics, every {} "
        "epochs.",
        run.facts.validation_images, run.facts.evaluate_every));
  if (run.metrics.find("fd_ref") != nullptr)
    say("FD-ref: Fréchet distance in the features of the project's reference network; comparable with FD-ref "
        "in the "
        "same network's features and of equally many images only, never with FID.");
  say("Energies, loss and gradient norm: of the logged iteration's own batch, training statistics.");
  say("Time: of the logged iterations themselves; checkpoints, sample grids and evaluation are not counted.");
  return card("Protocol", element("ul", lines));
}

std::string notes(const RunSummary& run) {
  std::string lines;
  for (const std::string& note : run.notes) lines += element("li", escape_html(note));
  return lines.empty() ? "" : card("Left out or absent", element("ul", lines));
}

}  // namespace

std::string run_section(const RunSummary& run, std::size_t index) {
  const std::string title =
      fmt::format("<span class=\"swatch\" data-run=\"{}\"></span>{}", index, escape_html(run.name));
  std::string content = element("h2", title) + muted(element("code", escape_html(run.directory.string()))) +
                        samples(run) + figures(run) + evaluation(run) + incidents(run) +
                        element("div", machine(run) + protocol(run) + notes(run), " class=\"columns\"");
  if (!run.config_toml.empty())
    content += folded("Configuration, resolved (config.toml)", element("pre", escape_html(run.config_toml)));
  if (!run.log.empty()) content += folded("run.log", element("pre", escape_html(run.log)));
  return element("section", content, fmt::format(" id=\"{}\" class=\"run\"", run_anchor(index)));
}

}  // namespace mebm::report

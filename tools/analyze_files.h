#pragma once
// The files of `analyze`.

#include <filesystem>
#include <string>
#include <vector>

#include "tools/analyze_figures.h"

namespace mebm::tools {

// InputError unless `bytes` can be written into the directory, which exists or can be made, and none of the
// options' input files is replaced by that.
void check_directory(const AnalyzeOptions& options, std::uint64_t bytes);

// samples.csv: a row for each image; the t-SNE columns are empty where there is no embedding.
std::string samples_csv(const std::vector<Analysis>& analyses);
// energies.csv: count, mean, standard deviation (of the population), quantiles of each kind's energies;
// `text` as a table to read instead.
std::string energies_summary(const std::vector<Analysis>& analyses, bool text);
// extremes.csv: what the figures extremes-p and extremes-confidence show.
std::string extremes_csv(const std::vector<Analysis>& analyses);
// centres.csv: the images nearest to each class's centre, their distances and how far centres are apart.
std::string centres_csv(const std::vector<Analysis>& analyses);

void write_text_file(const std::filesystem::path& path, const std::string& text);
// analysis.h5: /<model>/<data|starts|chains>/{energy, features, logits, class, number, embedding}.
void write_analysis_hdf5(const std::filesystem::path& path, const std::vector<Analysis>& analyses,
                         const Runtime& runtime);

}  // namespace mebm::tools

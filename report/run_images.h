#pragma once
// PNG files of a run directory inside a page of bounded size.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace mebm::report {

struct PngFile {
  std::filesystem::path path;
  std::int64_t iteration = -1;  // the number in "iteration-<number>.png"; -1: another name
  std::uintmax_t bytes = 0;
};

// The regular *.png files of a folder that begin as PNG files do, by iteration, then by name. Empty where
// there is no such folder. `refused` counts files of that name that are no PNG.
std::vector<PngFile> list_pngs(const std::filesystem::path& folder, int& refused);

// Indices 0 ... count-1 in the order in which few of them show a run best: the last, the first, then the
// middles of what lies between, breadth first.
std::vector<std::size_t> spread_order(std::size_t count);

struct PageImage {
  std::string name;  // of the file
  std::int64_t iteration = -1;
  std::string uri;  // data:image/png;base64,...
};

struct PageImages {
  std::vector<PageImage> images;  // in the order of the files
  std::size_t found = 0;          // files there were
  std::size_t bytes = 0;          // of the data URIs
};

// As many of the files as fit into `budget` bytes of data URIs, `most` at most, chosen in spread_order.
PageImages embed_pngs(const std::vector<PngFile>& files, std::size_t budget, std::size_t most);

}  // namespace mebm::report

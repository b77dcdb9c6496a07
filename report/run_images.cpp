#include "report/run_images.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <deque>
#include <fstream>
#include <iterator>
#include <utility>

#include "report/html.h"

namespace mebm::report {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kSignature = "\x89PNG\r\n\x1a\n";

std::int64_t iteration_of(const std::string& name) {
  constexpr std::string_view kPrefix = "iteration-", kSuffix = ".png";
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return -1;
  const char* begin = name.data() + kPrefix.size();
  const char* end = name.data() + name.size() - kSuffix.size();
  std::int64_t value = -1;
  const auto [rest, error] = std::from_chars(begin, end, value);
  return error == std::errc() && rest == end && value >= 0 ? value : -1;
}

bool is_png(const fs::path& path) {
  std::array<char, kSignature.size()> head{};
  std::ifstream in(path, std::ios::binary);
  return in.read(head.data(), head.size()) && std::string_view(head.data(), head.size()) == kSignature;
}

// The whole file, "" where it cannot be read or has grown beyond `most`.
std::string contents(const fs::path& path, std::uintmax_t most) {
  std::ifstream in(path, std::ios::binary);
  std::string bytes(most, '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(most));
  bytes.resize(static_cast<std::size_t>(in.gcount()));
  return in.bad() || in.peek() != std::ifstream::traits_type::eof() ? "" : bytes;
}

}  // namespace

std::vector<PngFile> list_pngs(const fs::path& folder, int& refused) {
  std::vector<PngFile> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (entry->path().extension() != ".png" || !entry->is_regular_file(ignored)) continue;
    const std::uintmax_t bytes = entry->file_size(ignored);
    if (ignored || !is_png(entry->path()))
      ++refused;
    else
      files.push_back({entry->path(), iteration_of(entry->path().filename().string()), bytes});
  }
  std::sort(files.begin(), files.end(), [](const PngFile& a, const PngFile& b) {
    return std::pair(a.iteration, a.path) < std::pair(b.iteration, b.path);
  });
  return files;
}

std::vector<std::size_t> spread_order(std::size_t count) {
  std::vector<std::size_t> order;
  if (count == 0) return order;
  order.push_back(count - 1);
  if (count > 1) order.push_back(0);
  std::deque<std::pair<std::size_t, std::size_t>> gaps{{0, count - 1}};
  while (!gaps.empty()) {
    const auto [first, last] = gaps.front();
    gaps.pop_front();
    if (last - first < 2) continue;
    const std::size_t middle = first + (last - first) / 2;
    order.push_back(middle);
    gaps.emplace_back(first, middle);
    gaps.emplace_back(middle, last);
  }
  return order;
}

PageImages embed_pngs(const std::vector<PngFile>& files, std::size_t budget, std::size_t most) {
  PageImages page;
  page.found = files.size();
  std::vector<std::pair<std::size_t, PageImage>> chosen;
  for (const std::size_t index : spread_order(files.size())) {
    const PngFile& file = files[index];
    if (chosen.size() >= most) break;
    if (file.bytes > budget || page.bytes + base64_length(file.bytes) > budget) continue;
    const std::string bytes = contents(file.path, file.bytes);
    if (!bytes.starts_with(kSignature)) continue;
    PageImage image{file.path.filename().string(), file.iteration,
                    data_uri("image/png", std::as_bytes(std::span(bytes)))};
    page.bytes += image.uri.size();
    chosen.emplace_back(index, std::move(image));
  }
  std::sort(chosen.begin(), chosen.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto& [index, image] : chosen) page.images.push_back(std::move(image));
  return page;
}

}  // namespace mebm::report

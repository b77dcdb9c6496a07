#include "data/verify.h"

#include <algorithm>
#include <array>

#include "data/md5.h"
#include "data/official.h"
#include "data/sources.h"
#include "engine/core/error.h"

namespace mebm::data {
namespace fs = std::filesystem;
namespace {

// The folder or archive that holds files of the set, or empty.
fs::path find_cifar(const CifarLayout& layout, const fs::path& path) {
  std::error_code error;
  if (fs::is_regular_file(path, error)) return archive_holds_folder(path, layout.folder) ? path : fs::path();
  const std::array<std::string_view, 2> subfolders{"", layout.folder};
  std::vector<std::string> names = layout.train_files;
  names.insert(names.end(), {layout.test_file, layout.archive});
  for (const std::string& name : names)
    if (fs::path folder = find_folder(path, subfolders, name); !folder.empty()) return folder;
  return {};
}

fs::path find_idx(const IdxLayout& layout, const fs::path& path) {
  const std::vector<std::string_view> subfolders(layout.subfolders.begin(), layout.subfolders.end());
  for (const char* stem : {"train-images-idx3-ubyte", "t10k-images-idx3-ubyte"})
    for (const char* ending : {"", ".gz"})
      if (fs::path folder = find_folder(path, subfolders, std::string(stem) + ending); !folder.empty())
        return folder;
  return {};
}

struct KnownSet {
  std::string_view name;
  const OfficialSet& (*official)();
  const CifarLayout* cifar;  // one of the two
  const IdxLayout* idx;

  fs::path find(const fs::path& path) const {
    return cifar ? find_cifar(*cifar, path) : find_idx(*idx, path);
  }
  SplitRecords read(const fs::path& path, Split split) const {
    return cifar ? cifar_records(*cifar, path, split) : idx_records(*idx, path, split);
  }
};

const std::array<KnownSet, 4>& known_sets() {
  static const std::array<KnownSet, 4> sets{{
      {"cifar10", official_cifar10, &cifar10_layout(), nullptr},
      {"cifar100", official_cifar100, &cifar100_layout(), nullptr},
      {"fashion-mnist", official_fashion_mnist, nullptr, &fashion_mnist_layout()},
      {"mnist", official_mnist, nullptr, &mnist_layout()},
  }};
  return sets;
}

std::string known_names() {
  std::string names;
  for (const KnownSet& set : known_sets()) names += (names.empty() ? "" : ", ") + std::string(set.name);
  return names;
}

bool is_official(const OfficialSet& set, const std::string& name, const std::string& md5) {
  return std::any_of(set.files.begin(), set.files.end(),
                     [&](const OfficialFile& file) { return file.name == name && file.md5 == md5; });
}

RecordSummary official_summary(const OfficialSplit& official, const SplitRecords& records) {
  RecordSummary summary{std::string(official.digest), {}};
  if (!official.table.empty())
    summary.table = RecordTable::from_base64(official.table, records.count(), records.record_bytes());
  return summary;
}

std::vector<VerifiedFile> verify_files(const SplitRecords& records, const OfficialSet& official) {
  std::vector<VerifiedFile> files;
  for (const RecordFile& file : records.files) {
    const std::string md5 = md5_hex(file.bytes);
    files.push_back({file.label, static_cast<std::int64_t>(file.bytes.size()), md5,
                     is_official(official, file.name, md5)});
  }
  return files;
}

// MNIST and Fashion-MNIST have the same file names. The content decides: MNIST where a file is MNIST's, else
// Fashion-MNIST (whose records are known here, so that differences can be named).
const KnownSet& resolve_idx(const KnownSet& fashion, const KnownSet& mnist, const fs::path& path) {
  for (const VerifiedFile& file : verify_files(fashion.read(path, Split::test), mnist.official()))
    if (file.official) return mnist;
  return fashion;
}

const KnownSet& named_set(std::string_view name) {
  for (const KnownSet& set : known_sets())
    if (set.name == name) return set;
  engine::fail_input("data set '{}' cannot be verified: only {} can", name, known_names());
}

const KnownSet& detect(const fs::path& path) {
  std::error_code error;
  if (fs::exists(path, error) && !fs::is_directory(path, error) && !fs::is_regular_file(path, error))
    engine::fail_input("{} is neither a folder nor a regular file: give the folder or archive of a data set",
                       path.string());
  if (!fs::exists(path, error))
    engine::fail_input("{} does not exist: give the folder or archive of a data set", path.string());
  std::vector<const KnownSet*> found;
  std::string names;
  for (const KnownSet& set : known_sets()) {
    if (set.find(path).empty()) continue;
    found.push_back(&set);
    names += (names.empty() ? "" : ", ") + std::string(set.name);
  }
  if (found.empty())
    engine::fail_input("{} holds no files of the sets that can be verified: {}", path.string(),
                       known_names());
  if (found.size() == 1) return *found.front();
  if (found.size() == 2 && found[0]->idx && found[1]->idx && found[0]->find(path) == found[1]->find(path))
    return resolve_idx(*found[0], *found[1], path);
  engine::fail_input("{} holds several data sets ({}): give the folder of one, or its name with --data-set",
                     path.string(), names);
}

std::string describe(const VerifyFinding& finding) {
  if (finding.record < 0) return fmt::format("{}: {}", finding.file, finding.what);
  return fmt::format("{}, record {} at byte offset {}: {}", finding.file, finding.record, finding.offset,
                     finding.what);
}

// Status and summary of a report with a split whose records are not known to be official.
void conclude_unofficial(VerifyReport& report, const VerifiedSplit& split) {
  const std::string finding =
      split.findings.empty() ? "none could be named" : describe(split.findings.front());
  if (!split.findings.empty() && split.findings.front().record < 0) {
    report.status = "unknown";
    report.summary = fmt::format("{}: not the official {} files; {}", report.set, split.split, finding);
    return;
  }
  report.status = "altered";
  report.summary = fmt::format("{}: wrong bytes: {}{} of {} {} records {} not official; {}", report.set,
                               split.all_found ? "" : "at least ", split.wrong_records, split.records,
                               split.split, split.wrong_records == 1 ? "is" : "are", finding);
}

void conclude(VerifyReport& report) {
  const auto unofficial = std::find_if(report.splits.begin(), report.splits.end(),
                                       [](const VerifiedSplit& split) { return !split.official_records; });
  if (unofficial != report.splits.end()) return conclude_unofficial(report, *unofficial);
  const bool official = std::all_of(report.files.begin(), report.files.end(),
                                    [](const VerifiedFile& file) { return file.official; });
  report.status = official ? "official" : "reordered";
  report.summary = official ? fmt::format("{}: the official files", report.set)
                            : fmt::format(
                                  "{}: the official records of both splits, in another order than in the "
                                  "official files",
                                  report.set);
}

}  // namespace

std::string_view detect_dataset(const fs::path& path) {
  return detect(path).name;
}

VerifyReport verify_dataset(const fs::path& path, std::string_view set_name) {
  const KnownSet& set = set_name.empty() ? detect(path) : named_set(set_name);
  const OfficialSet& official = set.official();
  VerifyReport report;
  report.set = set.name;
  if (set.cifar) {
    const fs::path archive = locate_cifar(*set.cifar, path, Split::train).archive;
    if (!archive.empty()) report.archive_md5 = md5_of_file(archive.string());
    report.archive_official = report.archive_md5 == official.archive_md5;
  }
  for (const Split split : {Split::train, Split::test}) {
    const SplitRecords records = set.read(path, split);
    const std::vector<VerifiedFile> files = verify_files(records, official);
    const OfficialSplit& expected = split == Split::train ? official.train : official.test;
    report.splits.push_back(verify_split(records, official_summary(expected, records), files));
    report.files.insert(report.files.end(), files.begin(), files.end());
  }
  conclude(report);
  return report;
}

}  // namespace mebm::data

#pragma once
// Tells the official files of a data set from the right records in another order from wrong bytes.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/record_table.h"
#include "data/records.h"

namespace mebm::data {

// One file of the set.
struct VerifiedFile {
  std::string path;        // or archive:member
  std::int64_t bytes = 0;  // decompressed
  std::string md5;         // of the decompressed content
  bool official = false;   // md5 is the official file's
};

// Something that is not as in the official set.
struct VerifyFinding {
  std::string file;
  std::int64_t record = -1;  // within the file; -1 = of the whole file
  std::int64_t offset = -1;  // of the first byte that differs where it is known, else of the record's start
  std::string what;
};

struct VerifiedSplit {
  std::string split;  // train | test
  std::int64_t records = 0;
  std::string digest;              // SHA-256 over the ascending SHA-256s of the records, independent of order
  bool official_records = false;   // the records are the official ones, in whatever order
  std::int64_t wrong_records = 0;  // records that are not official (or surplus copies) that were found
  bool all_found = true;  // false: more differ than could be told apart; wrong_records is a lower bound
  std::vector<VerifyFinding> findings;  // the first few, in file order
};

struct VerifyReport {
  std::string set;
  std::string status;             // official | reordered | altered
  std::string summary;            // one line for people; names the first wrong file, record and offset
  std::string archive_md5;        // of the .tar.gz where one was read, else empty
  bool archive_official = false;  // it is the published archive
  std::vector<VerifiedFile> files;
  std::vector<VerifiedSplit> splits;

  // Whether both splits hold the official records.
  bool usable() const { return status == "official" || status == "reordered"; }
};

// Detects the set by its files (set_name empty) and reads both splits. `path` as load_dataset takes it.
// InputError: no known set there or several (give the set's own folder), files missing, truncated or
// over-long, wrong magic, labels out of range.
VerifyReport verify_dataset(const std::filesystem::path& path, std::string_view set_name = {});

// The one set whose files are at `path`. InputError as verify_dataset.
std::string_view detect_dataset(const std::filesystem::path& path);

// What identifies the records of a split whatever their order.
struct RecordSummary {
  std::string digest;                // as VerifiedSplit::digest
  std::optional<RecordTable> table;  // none: differences cannot be located
};

// The summary of the records present.
RecordSummary summarise_records(const SplitRecords& records);

// Compares one split with the official records. files: the split's files; where all are official, so are the
// records.
VerifiedSplit verify_split(const SplitRecords& records, const RecordSummary& official,
                           const std::vector<VerifiedFile>& files);

}  // namespace mebm::data

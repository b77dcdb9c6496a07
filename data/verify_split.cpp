// Which records of a split are not the official ones, and which of their bytes.

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "data/verify.h"
#include "engine/core/error.h"

namespace mebm::data {
namespace {

constexpr std::size_t kMostFindings = 10;
constexpr std::size_t kMostCandidates = 256;  // bytes tried one by one

engine::Sha256Digest digest_of(std::span<const std::uint8_t> bytes) {
  return engine::sha256(std::as_bytes(bytes));
}

// The summary of the records present and the key of each.
struct Present {
  RecordSummary summary;
  std::vector<std::uint64_t> keys;
};

Present summarise(const SplitRecords& records) {
  const std::int64_t count = records.count();
  Present present;
  RecordTable& table = present.summary.table.emplace(count, records.record_bytes());
  std::vector<engine::Sha256Digest> digests;
  digests.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    const std::vector<std::uint8_t> record = records.record(i);
    digests.push_back(digest_of(record));
    present.keys.push_back(record_key(digests.back()));
    table.add(present.keys.back(), record);
  }
  std::sort(digests.begin(), digests.end());
  engine::Sha256 all;
  for (const engine::Sha256Digest& digest : digests) all.update(std::as_bytes(std::span(digest)));
  present.summary.digest = engine::to_hex(all.finish());
  return present;
}

// Bytes of `record` that turn it into an official record that is missing: all that differ in the parity, or
// one of them. Empty when neither does.
std::vector<std::size_t> differing_bytes(std::vector<std::uint8_t> record,
                                         const std::vector<std::uint8_t>& parity,
                                         const std::unordered_set<std::uint64_t>& missing) {
  std::vector<std::size_t> offsets;
  for (std::size_t i = 0; i < parity.size(); ++i)
    if (parity[i] != 0) offsets.push_back(i);
  const auto is_missing = [&] { return missing.contains(record_key(digest_of(record))); };
  const auto apply = [&](std::size_t i) { record[i] = static_cast<std::uint8_t>(record[i] ^ parity[i]); };
  std::for_each(offsets.begin(), offsets.end(), apply);
  if (is_missing()) return offsets;
  std::for_each(offsets.begin(), offsets.end(), apply);
  if (offsets.size() > kMostCandidates) return {};
  for (const std::size_t offset : offsets) {
    apply(offset);
    if (is_missing()) return {offset};
    apply(offset);
  }
  return {};
}

VerifyFinding describe(const SplitRecords& records, std::int64_t index,
                       const std::vector<std::uint8_t>& parity,
                       const std::unordered_set<std::uint64_t>& missing) {
  const std::vector<std::uint8_t> record = records.record(index);
  const std::vector<std::size_t> offsets = differing_bytes(record, parity, missing);
  if (offsets.empty()) {
    const SplitRecords::Place place = records.place(index, 0);
    return {place.file, place.record, place.offset, "not a record of the official set"};
  }
  const SplitRecords::Place place = records.place(index, static_cast<std::int64_t>(offsets.front()));
  return {place.file, place.record, place.offset,
          fmt::format(
              "{} of the record's {} bytes differ{} from the official ones; the first is {:#04x} instead of "
              "{:#04x}",
              offsets.size(), record.size(), offsets.size() == 1 ? "s" : "", record[offsets.front()],
              record[offsets.front()] ^ parity[offsets.front()])};
}

// A record present that is not official, or repeats an official one more often than the official set does.
struct WrongRecord {
  std::int64_t index = 0;
  std::int64_t original = -1;  // the record it is a surplus copy of
};

// The table tells whether the number of times a record occurs differs from the official one by an odd number;
// of the possible numbers, the smallest is assumed: none, one, or (equal and even) two.
std::vector<WrongRecord> wrong_records(const Present& present,
                                       const std::unordered_set<std::uint64_t>& difference) {
  std::unordered_map<std::uint64_t, std::vector<std::int64_t>> occurrences;
  for (std::size_t i = 0; i < present.keys.size(); ++i)
    occurrences[present.keys[i]].push_back(static_cast<std::int64_t>(i));
  std::vector<WrongRecord> wrong;
  for (const auto& [key, places] : occurrences) {
    const bool differs = difference.contains(key);
    const bool odd = (places.size() % 2 != 0) != differs;
    const std::size_t official = odd ? 1 : (differs ? 0 : 2);
    for (std::size_t i = official; i < places.size(); ++i)
      wrong.push_back({places[i], official > 0 ? places.front() : -1});
  }
  std::sort(wrong.begin(), wrong.end(), [](const auto& a, const auto& b) { return a.index < b.index; });
  return wrong;
}

// Every difference is known by its key: those among the records present are wrong, the others are missing.
void name_differences(const SplitRecords& records, const Present& present,
                      const RecordTable::Difference& difference, VerifiedSplit& result) {
  const std::unordered_set<std::uint64_t> keys(difference.keys.begin(), difference.keys.end());
  std::unordered_set<std::uint64_t> missing = keys;
  for (const std::uint64_t key : present.keys) missing.erase(key);
  const std::vector<WrongRecord> wrong = wrong_records(present, keys);
  result.wrong_records = static_cast<std::int64_t>(wrong.size());
  for (const WrongRecord& record : wrong) {
    if (result.findings.size() == kMostFindings) break;
    if (record.original < 0) {
      result.findings.push_back(describe(records, record.index, difference.parity, missing));
      continue;
    }
    const SplitRecords::Place place = records.place(record.index, 0),
                              original = records.place(record.original, 0);
    result.findings.push_back(
        {place.file, place.record, place.offset,
         fmt::format("a surplus copy of record {} of {}", original.record, original.file)});
  }
}

// More differ than the table resolves: name records that are proved foreign by the bitmap.
void name_proved_strangers(const SplitRecords& records, const Present& present, const RecordTable& official,
                           VerifiedSplit& result) {
  result.all_found = false;
  for (std::size_t i = 0; i < present.keys.size(); ++i) {
    if (official.may_hold(present.keys[i])) continue;
    ++result.wrong_records;
    if (result.findings.size() == kMostFindings) continue;
    const SplitRecords::Place place = records.place(static_cast<std::int64_t>(i), 0);
    result.findings.push_back({place.file, place.record, place.offset, "not a record of the official set"});
  }
}

// Without a table: the files whose content is not official.
void name_files(const std::vector<VerifiedFile>& files, VerifiedSplit& result) {
  result.all_found = false;
  for (const VerifiedFile& file : files)
    if (!file.official)
      result.findings.push_back(
          {file.path, -1, -1,
           fmt::format("content with MD5 {} is not the official file's, and which record "
                       "differs cannot be told for this set",
                       file.md5)});
}

}  // namespace

RecordSummary summarise_records(const SplitRecords& records) {
  return summarise(records).summary;
}

VerifiedSplit verify_split(const SplitRecords& records, const RecordSummary& official,
                           const std::vector<VerifiedFile>& files) {
  const Present present = summarise(records);
  VerifiedSplit result;
  result.split = records.split;
  result.records = records.count();
  result.digest = present.summary.digest;
  const bool official_files =
      std::all_of(files.begin(), files.end(), [](const VerifiedFile& file) { return file.official; });
  result.official_records = official_files || result.digest == official.digest;
  if (result.official_records) return result;
  if (!official.table) {
    name_files(files, result);
    return result;
  }
  const RecordTable::Difference difference = RecordTable::difference(*official.table, *present.summary.table);
  if (difference.complete)
    name_differences(records, present, difference, result);
  else
    name_proved_strangers(records, present, *official.table, result);
  return result;
}

}  // namespace mebm::data

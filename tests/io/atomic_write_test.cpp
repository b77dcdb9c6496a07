#include "engine/io/atomic_write.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>

#include <csignal>
#include <cstring>

#include "tests/io/test_files.h"

namespace mebm::engine {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::input_error;
using testing::read_bytes;
using testing::run_error;

// The process's file-size limit, with SIGXFSZ ignored so that write(2) fails with EFBIG: a disk that fills
// up in the middle of a file.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

class AtomicWrite : public testing::TestDirectory {
 protected:
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory_), {}));
  }
  std::vector<std::byte> old_ = std::vector<std::byte>(1000, std::byte{1});
  std::vector<std::byte> new_ = std::vector<std::byte>(300000, std::byte{2});
};

TEST_F(AtomicWrite, ReplacesTheFileAndLeavesNothingElse) {
  write_atomically(at("f"), old_);
  write_atomically(at("f"), new_);
  EXPECT_EQ(read_bytes(at("f")), new_);
  write_atomically(at("f"), {});
  EXPECT_EQ(read_bytes(at("f")).size(), 0u);
  EXPECT_EQ(files(), 1u);
}

TEST_F(AtomicWrite, FullDiskKeepsThePreviousFile) {
  write_atomically(at("f"), old_);
  std::string message;
  {
    const FileSizeLimit limit(100000);
    message = run_error([&] { write_atomically(at("f"), new_); });
  }
  EXPECT_THAT(message,
              AllOf(HasSubstr((directory_ / "f").string()), HasSubstr("300000 bytes needed"),
                    HasSubstr("free"), HasSubstr("the previous file is intact"), HasSubstr("limit")));
  EXPECT_EQ(read_bytes(at("f")), old_);
  EXPECT_EQ(files(), 1u);
}

TEST_F(AtomicWrite, FullDiskWithoutAPreviousFile) {
  {
    const FileSizeLimit limit(100000);
    EXPECT_THAT(run_error([&] { write_atomically(at("f"), new_); }), HasSubstr("nothing was written"));
  }
  EXPECT_EQ(files(), 0u);
}

TEST_F(AtomicWrite, LeftoverOfAKilledWriterIsReused) {
  write_atomically(at("f.partial"), new_);
  write_atomically(at("f"), old_);
  EXPECT_EQ(read_bytes(at("f")), old_);
  EXPECT_EQ(files(), 1u);
}

TEST_F(AtomicWrite, SecondWriterIsRefused) {
  write_atomically(at("f.partial"), new_);
  const int descriptor = open(at("f.partial").c_str(), O_RDONLY);
  ASSERT_EQ(flock(descriptor, LOCK_EX), 0);
  EXPECT_THAT(run_error([&] { write_atomically(at("f"), old_); }), HasSubstr("another process"));
  close(descriptor);
  EXPECT_EQ(read_bytes(at("f.partial")), new_);
}

TEST_F(AtomicWrite, MissingDirectoryAndDirectoryInTheWay) {
  EXPECT_THAT(run_error([&] { write_atomically(at("none/f"), old_); }), HasSubstr("No such file"));
  std::filesystem::create_directory(at("d"));
  EXPECT_THAT(run_error([&] { write_atomically(at("d"), old_); }), HasSubstr("rename"));
  EXPECT_EQ(files(), 1u);
}

TEST_F(AtomicWrite, UnwritableDirectory) {
  if (geteuid() == 0) {
    // Root ignores permissions; /proc refuses new files to everyone.
    EXPECT_THAT(run_error([&] { write_atomically("/proc/mebm-test", old_); }), HasSubstr("cannot create"));
    EXPECT_THAT(input_error([&] { check_can_write("/proc/mebm-test", 1); }), HasSubstr("cannot be written"));
    return;
  }
  std::filesystem::permissions(directory_,
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  EXPECT_THAT(run_error([&] { write_atomically(at("f"), old_); }), HasSubstr("Permission denied"));
  EXPECT_THAT(input_error([&] { check_can_write(at("f"), 1); }), HasSubstr("cannot be written"));
  std::filesystem::permissions(directory_, std::filesystem::perms::owner_all);
}

TEST_F(AtomicWrite, CheckBeforehand) {
  check_can_write(at("f"), 1000);
  EXPECT_EQ(files(), 0u);
  EXPECT_THAT(input_error([&] { check_can_write(at("f"), std::uint64_t{1} << 62); }),
              AllOf(HasSubstr("disk too small"), HasSubstr("4611686018427387904 bytes needed")));
  EXPECT_THAT(input_error([&] { check_can_write(at("none/f"), 1); }), HasSubstr("does not exist"));
  EXPECT_THAT(input_error([&] { check_can_write(directory_, 1); }), HasSubstr("is a directory"));
}

}  // namespace
}  // namespace mebm::engine

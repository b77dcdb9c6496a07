#pragma once
// A POSIX file descriptor that closes itself.

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace mebm::engine {

class FileDescriptor {
 public:
  explicit FileDescriptor(int descriptor) : descriptor_(descriptor) {}
  ~FileDescriptor() { close(); }
  FileDescriptor(FileDescriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&&) = delete;

  int get() const { return descriptor_; }
  explicit operator bool() const { return descriptor_ >= 0; }
  // 0, or the errno of a failed close (some file systems report a failed write only then).
  int close() {
    if (descriptor_ < 0) return 0;
    return ::close(std::exchange(descriptor_, -1)) == 0 || errno == EINTR ? 0 : errno;
  }

 private:
  int descriptor_;
};

}  // namespace mebm::engine

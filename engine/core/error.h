#pragma once
// The two exception types of the project and how messages are written:
// one line that says what, where and what to do, with the offending values in it.

#include <stdexcept>
#include <string>

#include <fmt/format.h>

namespace mebm::engine {

// The run failed after it started (diverged, disk full, out of memory): exit status 1.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error(message) {}
};

// Bad usage or bad input, found before anything is written: exit status 2.
class InputError : public Error {
 public:
  explicit InputError(const std::string& message) : Error(message) {}
};

// The memory of the host or of a device did not suffice: exit status 1, unless nothing was written yet.
class OutOfMemory : public Error {
 public:
  explicit OutOfMemory(const std::string& message) : Error(message) {}
};

// What lowers the memory of a run; the end of every such message.
constexpr const char* kMemoryAdvice = "lower data.batch_size, buffer.size or model.width";

template <typename... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

template <typename... Args>
[[noreturn]] void fail_input(fmt::format_string<Args...> format, Args&&... args) {
  throw InputError(fmt::format(format, std::forward<Args>(args)...));
}

// Precondition of library code; a violation is a programming error, so the message names both sides.
template <typename... Args>
void require(bool condition, fmt::format_string<Args...> format, Args&&... args) {
  if (!condition) [[unlikely]]
    throw Error(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace mebm::engine

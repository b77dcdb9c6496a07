#pragma once
// What a call into a device runtime or a vendor library said. Kernels do not throw; the engine does.

#include <string>
#include <utility>

namespace mebm::kernels {

class [[nodiscard]] Status {
 public:
  Status() = default;
  explicit Status(std::string error) : error_(std::move(error)) {}
  // The failure of a call for which the memory did not suffice.
  static Status out_of_memory(std::string error) {
    Status status(std::move(error));
    status.memory_ = true;
    return status;
  }

  bool ok() const { return error_.empty(); }
  const std::string& error() const { return error_; }
  bool is_out_of_memory() const { return memory_; }

  // The same failure, with what it happened to before it; no failure stays none.
  Status of(const std::string& what) const {
    Status status = *this;
    if (!ok()) status.error_ = what + ": " + error_;
    return status;
  }

 private:
  std::string error_;  // empty: no failure; else what failed, where, with which values
  bool memory_ = false;
};

}  // namespace mebm::kernels
